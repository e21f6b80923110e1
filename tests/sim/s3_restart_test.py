"""kill -9 at any moment: what was answered is there afterwards, and nothing half."""
import concurrent.futures
import os
import signal
import socket
import subprocess
import sys
import unittest

import simulator
from s3_client import BUCKET, S3Test, sign_request
from simulator import HOUR, MIB, noise

import botocore.awsrequest


class Restart(S3Test):
    def restart(self):
        self.sim.kill()
        self.sim.start()
        self.client = self.connect()

    def blobs(self):
        return sorted(os.path.join(where, name) for where, _, names in os.walk(os.path.join(self.sim.data, "s3", "data"))
                      for name in names)

    def state(self):
        out = [self.client.list_buckets()["Buckets"], self.client.list_objects_v2(Bucket=BUCKET)["Contents"],
               self.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]]
        for entry in out[1]:
            reply = self.client.head_object(Bucket=BUCKET, Key=entry["Key"], ChecksumMode="ENABLED")
            reply.pop("ResponseMetadata")
            out.append(reply)
        for entry in out[2]:
            reply = self.client.list_parts(Bucket=BUCKET, Key=entry["Key"], UploadId=entry["UploadId"])
            reply.pop("ResponseMetadata")
            out.append(reply)
        return out

    def test_everything_is_still_there(self):
        data = noise(11 * MIB)
        self.put("a b/ü", data[:MIB], Metadata={"a": "b"}, Tagging="x=y", ContentType="t/x", StorageClass="DEEP_ARCHIVE",
                 ChecksumAlgorithm="SHA256")
        self.put("gone")
        self.put("over", b"old")
        self.put("over", b"new")
        self.client.delete_object(Bucket=BUCKET, Key="gone")
        done = self.begin("done", ChecksumAlgorithm="SHA256")
        done_parts = [self.part("done", done, n + 1, data[n * 6 * MIB:(n + 1) * 6 * MIB], ChecksumAlgorithm="SHA256")
                      for n in range(2)]
        etag = self.complete("done", done, done_parts)["ETag"]
        half = self.begin("half", StorageClass="GLACIER")
        half_parts = [self.part("half", half, 1, data[:5 * MIB])]
        self.client.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/over")
        self.client.delete_object(Bucket=BUCKET, Key="over")
        before = self.state()
        bill = self.sim.bill()
        for _ in range(2):
            self.restart()
            self.assertEqual(self.sim.bill(), bill)
            self.assertEqual(self.state(), before)
            bill = self.sim.bill()
        self.assertEqual(self.read("done"), data)
        self.assertEqual(self.read("copy"), b"new")
        self.assertEqual(self.complete("done", done, done_parts)["ETag"], etag)
        half_parts.append(self.part("half", half, 2, b"end"))
        self.complete("half", half, half_parts)
        self.assertEqual(self.head("half")["ContentLength"], 5 * MIB + 3)
        self.sim.advance(2 * HOUR)
        self.restart()
        with self.refused("NoSuchUpload", 404):
            self.complete("done", done, done_parts)

    def test_bytes_that_nothing_tells_of_are_removed(self):
        self.put("k")
        upload = self.begin("m")
        self.part("m", upload, 1, b"part")
        kept = self.blobs()
        self.assertEqual(len(kept), 2)
        self.part("m", upload, 1, b"another")
        self.put("k", b"another")
        self.put("j")
        self.client.delete_object(Bucket=BUCKET, Key="j")
        self.assertEqual(len(self.blobs()), 2)  # at once
        self.sim.kill()
        with open(os.path.join(os.path.dirname(kept[0]), "0" * 40), "wb") as half:
            half.write(b"half an upload")
        with open(os.path.join(self.sim.data, "s3", "journal.jsonl"), "ab") as journal:
            journal.write(b'{"do":"remove-bucket","bucket":"phot')  # cut by the kill
        self.sim.start()
        self.client = self.connect()
        self.assertEqual(len(self.blobs()), 2)
        self.assertEqual(self.read("k"), b"another")
        self.client.abort_multipart_upload(Bucket=BUCKET, Key="m", UploadId=upload)
        self.assertEqual(len(self.blobs()), 1)

    def test_a_kill_in_the_middle_of_a_body(self):
        self.put("k", b"old")
        request = botocore.awsrequest.AWSRequest("PUT", f"{self.sim.url}/{BUCKET}/k", headers={
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Host": self.sim.address})
        sign_request(request)
        head = "\r\n".join([f"PUT /{BUCKET}/k HTTP/1.1", *(f"{n}: {v}" for n, v in request.headers.items()),
                            f"Content-Length: {20 * MIB}", "", ""])
        host, port = self.sim.address.split(":")
        with socket.create_connection((host, int(port)), timeout=simulator.TIMEOUT_SEC) as plain:
            plain.sendall(head.encode() + noise(7 * MIB))
            self.restart()
        self.assertEqual(self.read("k"), b"old")
        self.assertEqual(len(self.blobs()), 1)

    def test_killed_while_it_works(self):
        """A client puts, completes and deletes, and tells of each answer, until the simulator is killed under it."""
        for round_number in range(4):
            worker = subprocess.Popen([sys.executable, "-B", os.path.join(os.path.dirname(__file__), "s3_worker.py"),
                                       self.sim.address, str(round_number)], stdout=subprocess.PIPE, text=True)
            lines = [worker.stdout.readline() for _ in range(5 + 7 * round_number)]
            self.sim.end(signal.SIGKILL)
            lines += worker.stdout.readlines()
            worker.stdout.close()
            worker.wait(simulator.TIMEOUT_SEC)
            self.sim.start()
            self.client = self.connect()
            last = {}  # the last word on each key, and whether it was only begun
            for line in lines:
                what, key, value = line.split()
                last[key] = (what, value)
            for key, (what, value) in last.items():
                if what == "there":
                    self.assertEqual(self.read(key).decode()[:len(value)], value)
                elif what == "gone":
                    with self.refused("NoSuchKey", 404):
                        self.get(key)
        names = set(self.keys())
        self.assertTrue(names)
        for name in names:
            self.assertEqual(len(self.read(name)), self.head(name)["ContentLength"])


class Size(S3Test):
    def test_a_large_bucket_is_listed_page_by_page(self):
        # By copying one: copies share its bytes.
        self.put("k/0", b"x")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            clients = [self.connect() for _ in range(4)]
            list(pool.map(lambda i: clients[i % 4].copy_object(Bucket=BUCKET, Key=f"k/{i:06}",
                                                               CopySource=f"{BUCKET}/k/0"), range(3000)))
        self.assertEqual(len(self.keys()), 1000)
        pages = list(self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET))
        self.assertEqual([len(page["Contents"]) for page in pages], [1000, 1000, 1000, 1])
        self.sim.kill()
        self.sim.start()
        self.client = self.connect()
        self.assertEqual(self.read("k/002999"), b"x")


if __name__ == "__main__":
    unittest.main()
