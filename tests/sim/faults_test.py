"""Faults on order, as boto3 sees them."""
import http.client
import json
import unittest

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from botocore.parsers import ResponseParserError

from client import VaultTest, tree_hash
from simulator import HOUR, MIB, noise

# What boto3 raises for an answer that did not come as it should.
BROKEN = (HTTPClientError, IncompleteReadError, ResponseStreamingError, http.client.HTTPException, OSError)


class Orders(VaultTest):
    def test_they_are_shown_with_their_hits_and_forgotten(self):
        shown = self.sim.faults({"kind": "error", "operation": "ListVaults", "count": 2})
        self.assertEqual((shown[0]["hits"], shown[0]["count"]), (0, 2))
        with self.refused("ServiceUnavailableException", 500):
            self.client.list_vaults()
        shown = self.sim.control("faults")
        self.assertEqual((shown[0]["hits"], shown[0]["count"]), (1, 1))
        self.assertEqual(self.sim.control("faults", method="DELETE"), [])
        self.client.list_vaults()

    def test_by_path(self):
        self.client.create_vault(vaultName="music")
        self.sim.faults({"kind": "error", "path": "/vaults/music", "status": 503, "code": "Down", "count": "always"})
        self.client.describe_vault(vaultName="photos")
        with self.refused("Down", 503):
            self.client.describe_vault(vaultName="music")

    def test_from_a_file(self):
        path = self.home + "/faults.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"kind": "error", "operation": "ListVaults", "skip": 1}, file)
        sim = self.run_simulator("--freeze", "--faults", path)
        client = self.connect(sim)
        client.list_vaults()
        with self.refused("ServiceUnavailableException", 500):
            client.list_vaults()
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"kind":"earthquake"}')
        with self.assertRaises(RuntimeError):
            self.run_simulator("--freeze", "--faults", path)

    def test_what_is_not_known_is_refused(self):
        for order in ({"kind": "earthquake"}, {"kind": "error", "when": "now"}, {"operation": "*"}):
            with self.subTest(order=order), self.assertRaises(ValueError):
                self.sim.faults(order)
        self.assertEqual(self.sim.control("faults"), [])


class Kinds(VaultTest):
    def job(self, data=b"some data", **more):
        archive = self.upload(data)
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive, **more)
        self.finish(job)
        return job

    def test_throttling_that_a_client_sits_out(self):
        self.sim.faults({"kind": "error", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded"},
                        {"kind": "error", "status": 503, "code": "ServiceUnavailableException"})
        self.assertEqual(len(self.connect(attempts=3).list_vaults()["VaultList"]), 1)
        self.assertEqual([fault["hits"] for fault in self.sim.control("faults")], [1, 1])

    def test_dropped_before_the_effect(self):
        self.sim.faults({"kind": "drop-before", "operation": "UploadArchive"})
        with self.assertRaises(BROKEN):
            self.upload(b"x")
        self.assertNotIn("UploadArchive", self.sim.bill()["requests"])

    def test_a_lost_reply_of_complete(self):
        data = noise(MIB)
        upload = self.begin_upload()
        self.put_part(upload, 0, data)
        self.sim.faults({"kind": "drop-after", "operation": "CompleteMultipartUpload"})
        with self.assertRaises(BROKEN):
            self.complete(upload, data)
        self.assertEqual(self.client.list_multipart_uploads(vaultName="photos")["UploadsList"], [])
        self.assertEqual(self.download(self.complete(upload, data)), data)
        self.assertEqual(self.sim.bill()["requests"]["CompleteMultipartUpload"], 2)

    def test_a_lost_reply_of_a_part(self):
        upload = self.begin_upload()
        self.sim.faults({"kind": "drop-after", "operation": "UploadMultipartPart"})
        with self.assertRaises(BROKEN):
            self.put_part(upload, 0, b"x")
        self.assertEqual(len(self.client.list_parts(vaultName="photos", uploadId=upload)["Parts"]), 1)

    def test_a_stall_that_outlasts_the_client(self):
        self.sim.faults({"kind": "stall", "operation": "ListVaults", "milliseconds": 3_600_000})
        with self.assertRaises(ReadTimeoutError):
            self.connect(read_timeout=0.2).list_vaults()
        self.sim.faults({"kind": "stall", "operation": "ListVaults", "milliseconds": 3_600_000})
        with self.assertRaises(ReadTimeoutError):
            self.connect(read_timeout=0.2).list_vaults()
        self.assertEqual(self.sim.end(), 0)  # nor does it hold up the end

    def test_a_stall_that_ends(self):
        self.sim.faults({"kind": "stall", "operation": "ListVaults", "milliseconds": 1})
        with self.assertRaises(BROKEN):
            self.client.list_vaults()

    def test_a_trickle(self):
        job = self.job(b"x" * 100)
        self.sim.faults({"kind": "trickle", "operation": "GetJobOutput", "bytes_per_second": 1000},
                        {"kind": "trickle", "operation": "GetJobOutput", "bytes_per_second": 1})
        self.assertEqual(self.output(job)["body"].read(), b"x" * 100)
        body = self.connect(read_timeout=0.2).get_job_output(vaultName="photos", jobId=job)["body"]
        self.assertEqual(body.read(1), b"x")
        with self.assertRaises(ReadTimeoutError):
            body.read()  # the second byte comes after a second

    def test_a_corrupted_byte_of_a_download(self):
        data = noise(3 * MIB)
        job = self.job(data)
        self.sim.faults({"kind": "corrupt", "operation": "GetJobOutput", "offset": 2 * MIB + 7})
        reply = self.output(job)
        got = reply["body"].read()
        self.assertEqual([i for i in (2 * MIB + 6, 2 * MIB + 7, 2 * MIB + 8) if got[i] != data[i]], [2 * MIB + 7])
        self.assertEqual(got[:2 * MIB + 7] + got[2 * MIB + 8:], data[:2 * MIB + 7] + data[2 * MIB + 8:])
        self.assertNotEqual(tree_hash(got), reply["checksum"])
        self.assertEqual(self.output(job)["body"].read(), data)

    def test_a_wrong_tree_hash(self):
        data = b"some data"
        job = self.job(data)
        self.sim.faults({"kind": "wrong-tree-hash", "operation": "GetJobOutput"},
                        {"kind": "wrong-tree-hash", "operation": "UploadArchive"})
        self.assertNotEqual(self.output(job)["checksum"], tree_hash(data))
        reply = self.client.upload_archive(vaultName="photos", body=data)
        self.assertNotEqual(reply["checksum"], tree_hash(data))
        self.assertEqual(self.download(reply["archiveId"]), data)

    def test_a_body_that_breaks_off(self):
        job = self.job(noise(MIB))
        self.sim.faults({"kind": "truncate", "operation": "GetJobOutput"})
        with self.assertRaises(BROKEN):
            self.output(job)["body"].read()

    def test_a_body_without_end(self):
        job = self.job(b"some data")
        self.sim.faults({"kind": "endless", "operation": "GetJobOutput"})
        body = self.output(job)["body"]
        got = body.read(MIB)
        body.close()
        self.assertEqual((len(got), got[:9]), (MIB, b"some data"))

    def test_answers_that_are_no_json(self):
        self.sim.faults({"kind": "malformed-json", "operation": "ListVaults"},
                        {"kind": "html", "operation": "ListVaults"},
                        {"kind": "html", "operation": "ListVaults", "status": 200})
        self.assert_no_list("application/json")
        with self.assertRaises(ClientError) as raised:
            self.client.list_vaults()
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 502)
        self.assert_no_list("text/html")
        self.assertEqual(len(self.client.list_vaults()["VaultList"]), 1)

    def assert_no_list(self, content_type):
        """Some versions of boto3 raise an error for a body that they cannot parse, some take it for empty."""
        try:
            reply = self.client.list_vaults()
        except ResponseParserError:
            return
        self.assertNotIn("VaultList", reply)
        self.assertEqual(reply["ResponseMetadata"]["HTTPHeaders"]["content-type"], content_type)

    def test_a_job_that_fails(self):
        archive = self.upload(b"x")
        self.sim.faults({"kind": "fail-job", "operation": "InitiateJob"})
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.assertEqual(self.describe(job)["StatusCode"], "InProgress")
        self.sim.advance(5 * HOUR)
        description = self.describe(job)
        self.assertEqual((description["StatusCode"], description["Completed"]), ("Failed", True))
        self.assertTrue(description["StatusMessage"])
        with self.assertRaises(ClientError):
            self.output(job)
        self.assertEqual(self.download(archive), b"x")

    def test_an_upload_that_is_forgotten(self):
        upload = self.begin_upload()
        self.put_part(upload, 0, noise(MIB))
        self.sim.faults({"kind": "forget-upload", "operation": "UploadMultipartPart"})
        with self.refused("ResourceNotFoundException", 404):
            self.put_part(upload, MIB, b"x")
        self.assertEqual(self.client.list_multipart_uploads(vaultName="photos")["UploadsList"], [])

    def test_chance_is_the_same_for_a_seed(self):
        def pattern():
            self.sim.control("faults", method="DELETE")
            self.sim.faults({"kind": "error", "operation": "ListVaults", "count": "always", "probability": 0.5,
                             "seed": 11})
            out = ""
            for _ in range(24):
                try:
                    self.client.list_vaults()
                    out += "."
                except ClientError:
                    out += "x"
            return out

        first = pattern()
        self.assertEqual(pattern(), first)
        self.assertIn("x", first)
        self.assertIn(".", first)


if __name__ == "__main__":
    unittest.main()
