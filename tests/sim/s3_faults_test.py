"""Faults on order, at S3's operations."""
import http.client
import os
import socket
import threading
import time
import unittest

from s3_client import BUCKET, S3Test, http_request, sign_request
from simulator import MIB, noise

import botocore.awsrequest
import botocore.exceptions


class Faults(S3Test):
    def test_a_complete_that_says_200_and_means_500(self):
        upload = self.begin("k")
        part = self.part("k", upload, 1, b"data")
        self.sim.faults({"kind": "error-body", "operation": "CompleteMultipartUpload"})
        body = (f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part['ETag']}</ETag></Part>"
                "</CompleteMultipartUpload>").encode()
        target = f"/{BUCKET}/k?uploadId={upload}"
        status, _, answer = http_request(self.sim, "POST", target, body)
        self.assertEqual((status, b"<Error><Code>InternalError</Code>" in answer), (200, True), answer)
        self.assertEqual(self.keys(), [])
        status, _, answer = http_request(self.sim, "POST", target, body)
        self.assertIn(b"CompleteMultipartUploadResult", answer)
        self.assertEqual(self.read("k"), b"data")

    def test_a_lost_reply(self):
        upload = self.begin("k")
        part = self.part("k", upload, 1, b"data")
        self.sim.faults({"kind": "drop-after", "operation": "CompleteMultipartUpload"})
        with self.assertRaises((botocore.exceptions.ConnectionClosedError, botocore.exceptions.HTTPClientError)):
            self.complete("k", upload, [part])
        self.assertEqual(self.keys(), ["k"])
        self.assertEqual(self.complete("k", upload, [part])["Key"], "k")

    def test_errors(self):
        self.put("k")
        self.sim.faults({"kind": "error", "operation": "GetObject", "status": 503, "code": "SlowDown"},
                        {"kind": "error", "operation": "HeadObject"})
        with self.refused("SlowDown", 503):
            self.get("k")
        with self.refused("500", 500):
            self.head("k")
        self.sim.faults({"kind": "error", "status": 503, "code": "SlowDown", "count": 2})
        client = self.connect(attempts=4)
        self.assertEqual(client.get_object(Bucket=BUCKET, Key="k")["Body"].read(), b"data")

    def test_bytes_that_are_others(self):
        data = noise(MIB + 3)
        self.put("k", data, ChecksumAlgorithm="SHA256")
        self.sim.faults({"kind": "corrupt", "operation": "GetObject", "offset": MIB, "count": 2})
        got = self.get("k")["Body"].read()
        self.assertEqual([i for i in range(len(data)) if got[i] != data[i]], [MIB])
        with self.assertRaises(botocore.exceptions.FlexibleChecksumError):
            self.get("k", ChecksumMode="ENABLED")["Body"].read()
        self.sim.faults({"kind": "wrong-checksum", "operation": "HeadObject"})
        good = self.get("k", ChecksumMode="ENABLED")
        wrong = self.head("k", ChecksumMode="ENABLED")
        self.assertNotEqual(wrong["ETag"], good["ETag"])
        self.assertNotEqual(wrong["ChecksumSHA256"], good["ChecksumSHA256"])
        self.sim.faults({"kind": "truncate", "operation": "GetObject"})
        with self.assertRaises((botocore.exceptions.HTTPClientError, botocore.exceptions.ResponseStreamingError,
                                http.client.HTTPException, OSError)):
            self.get("k")["Body"].read()

    def test_answers_that_are_no_xml(self):
        for kind in ("malformed-xml", "hostile-xml"):
            self.sim.faults({"kind": kind, "operation": "ListObjectsV2"})
            _, _, body = http_request(self.sim, "GET", f"/{BUCKET}?list-type=2")
            self.assertIn(b"<ListBucketResult><Na" if kind == "malformed-xml" else b"<!ENTITY a8", body)
        self.sim.faults({"kind": "html", "operation": "ListObjectsV2"})
        status, _, body = http_request(self.sim, "GET", f"/{BUCKET}?list-type=2")
        self.assertEqual((status, b"<html>" in body), (502, True))

    def test_a_forgotten_upload(self):
        upload = self.begin("k")
        self.part("k", upload, 1, b"data")
        self.sim.faults({"kind": "forget-upload", "operation": "UploadPart"})
        with self.refused("NoSuchUpload", 404):
            self.part("k", upload, 2, b"data")

    def test_a_deletion_in_the_middle_of_a_conditional_write(self):
        self.put("k")
        etag = self.head("k")["ETag"]
        host, port = self.sim.address.split(":")
        answers = []
        begun = threading.Event()
        go_on = threading.Event()

        def write():
            # The head and half of the body, then a deletion, then the rest.
            plain = socket.create_connection((host, int(port)), timeout=60)
            with plain:
                head = self.signed_head("PUT", f"/{BUCKET}/k", 8, {"If-Match": etag})
                plain.sendall(head + b"half")
                begun.set()
                go_on.wait(60)
                plain.sendall(b"rest")
                answers.append(plain.recv(65536))

        thread = threading.Thread(target=write)
        thread.start()
        begun.wait(60)
        self.wait_for_conditional_write()
        self.client.delete_object(Bucket=BUCKET, Key="k")
        self.put("k")  # the same again: its ETag fits, but it is another one
        go_on.set()
        thread.join(60)
        self.assertIn(b"409 Conflict", answers[0])
        self.assertIn(b"ConditionalRequestConflict", answers[0])

    def wait_for_conditional_write(self):
        """Until the simulator has read the head: when it receives into a file."""
        data = os.path.join(self.sim.data, "s3", "data")
        for _ in range(600):
            if sum(len(files) for _, _, files in os.walk(data)) >= 2:
                return
            time.sleep(0.05)
        self.fail("the request has not arrived")

    def signed_head(self, method, target, size, headers):
        headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "Host": self.sim.address, **headers}
        request = botocore.awsrequest.AWSRequest(method, self.sim.url + target, headers=headers)
        sign_request(request)
        lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in request.headers.items()),
                 f"Content-Length: {size}", "", ""]
        return "\r\n".join(lines).encode()


if __name__ == "__main__":
    unittest.main()
