"""Archives up and down by boto3: single and multipart uploads, retrievals, ranges, tree hashes."""
import unittest

from botocore.exceptions import ClientError

from client import TIMES, VaultTest, tree_hash
from simulator import DAY, HOUR, MIB, noise


class Single(VaultTest):
    def test_sizes_about_the_leaves_of_the_tree(self):
        data = {size: noise(size) for size in (1, MIB - 1, MIB, MIB + 1, 5 * MIB + MIB // 2)}
        archives = {}
        for size, body in data.items():
            reply = self.client.upload_archive(vaultName="photos", archiveDescription=f"of {size}", body=body)
            self.assertEqual(reply["checksum"], tree_hash(body))
            self.assertTrue(reply["location"].endswith("/vaults/photos/archives/" + reply["archiveId"]))
            archives[size] = reply["archiveId"]
        jobs = {size: self.begin_job(Type="archive-retrieval", ArchiveId=archive)
                for size, archive in archives.items()}
        self.sim.advance(5 * HOUR)
        for size, job in jobs.items():
            reply = self.output(job)
            self.assertEqual(reply["status"], 200)
            self.assertEqual(reply["checksum"], tree_hash(data[size]))
            self.assertEqual(reply["archiveDescription"], f"of {size}")
            self.assertEqual(reply["contentType"], "application/octet-stream")
            self.assertEqual(reply["body"].read(), data[size])

    def test_an_archive_of_nothing_is_refused(self):
        with self.refused("InvalidParameterValueException"):
            self.upload(b"")

    def test_descriptions(self):
        self.upload(b"x", "a name with ~ and blanks")
        self.upload(b"x", "d" * 1024)
        with self.refused("InvalidParameterValueException"):
            self.upload(b"x", "d" * 1025)

    def test_equal_archives_are_two(self):
        self.assertNotEqual(self.upload(b"same"), self.upload(b"same"))

    def test_deleting_is_idempotent(self):
        archive = self.upload(b"x")
        for _ in range(2):
            reply = self.client.delete_archive(vaultName="photos", archiveId=archive)
            self.assertEqual(reply["ResponseMetadata"]["HTTPStatusCode"], 204)
        with self.refused("ResourceNotFoundException", 404):
            self.begin_job(Type="archive-retrieval", ArchiveId=archive)


class Multipart(VaultTest):
    def test_parts_in_any_order_and_twice(self):
        data = noise(4 * MIB + 12345)
        upload = self.begin_upload(2 * MIB, "in parts")
        for first in (4 * MIB, 0, 2 * MIB, 0):
            part = data[first:first + 2 * MIB]
            self.assertEqual(self.put_part(upload, first, part)["checksum"], tree_hash(part))
        parts = self.client.list_parts(vaultName="photos", uploadId=upload)
        self.assertEqual([part["RangeInBytes"] for part in parts["Parts"]],
                         ["0-2097151", "2097152-4194303", f"4194304-{len(data) - 1}"])
        self.assertEqual(parts["Parts"][1]["SHA256TreeHash"], tree_hash(data[2 * MIB:4 * MIB]))
        self.assertEqual(parts["PartSizeInBytes"], 2 * MIB)
        self.assertEqual(parts["ArchiveDescription"], "in parts")
        archive = self.complete(upload, data)
        self.assertEqual(self.download(archive), data)

    def test_a_part_put_again_replaces_the_first(self):
        data = noise(MIB)
        upload = self.begin_upload()
        self.put_part(upload, 0, noise(MIB, seed=2))
        self.put_part(upload, 0, data)
        self.assertEqual(self.download(self.complete(upload, data)), data)

    def test_completing_again_gives_the_same_archive(self):
        data = noise(1000)
        upload = self.begin_upload()
        self.put_part(upload, 0, data)
        archive = self.complete(upload, data)
        self.assertEqual(self.complete(upload, data), archive)
        with self.refused("ResourceNotFoundException", 404):
            self.client.list_parts(vaultName="photos", uploadId=upload)

    def test_completing_again_much_later_fails(self):
        upload = self.begin_upload()
        self.put_part(upload, 0, b"x")
        self.complete(upload, b"x")
        self.sim.advance(DAY)
        with self.refused("ResourceNotFoundException", 404):
            self.complete(upload, b"x")

    def test_a_wrong_hash_or_size_leaves_the_upload_open(self):
        data = noise(2 * MIB)
        upload = self.begin_upload()
        for first in (0, MIB):
            self.put_part(upload, first, data[first:first + MIB])
        with self.refused("InvalidParameterValueException"):
            self.complete(upload, data, checksum=tree_hash(b"other"))
        with self.refused("InvalidParameterValueException"):
            self.complete(upload, data, archiveSize=str(2 * MIB - 1))
        self.assertEqual(self.download(self.complete(upload, data)), data)

    def test_a_short_part_in_the_middle_fails_at_the_end_only(self):
        data = noise(MIB - 1) + noise(MIB, seed=2)
        upload = self.begin_upload()
        self.put_part(upload, 0, data[:MIB - 1])
        self.put_part(upload, MIB, data[MIB - 1:])
        with self.refused("InvalidParameterValueException"):
            self.complete(upload, data)
        self.put_part(upload, 0, noise(MIB))
        whole = noise(MIB) + noise(MIB, seed=2)
        self.assertEqual(self.download(self.complete(upload, whole)), whole)

    def test_a_missing_part_fails(self):
        data = noise(3 * MIB)
        upload = self.begin_upload()
        self.put_part(upload, 0, data[:MIB])
        self.put_part(upload, 2 * MIB, data[2 * MIB:])
        with self.refused("InvalidParameterValueException"):
            self.complete(upload, data)

    def test_part_sizes(self):
        for size in (MIB, 4096 * MIB):
            self.begin_upload(size)
        for size in (0, 1, MIB - 1, 3 * MIB, 8192 * MIB):
            with self.subTest(size=size), self.refused("InvalidParameterValueException"):
                self.begin_upload(size)

    def test_parts_out_of_place(self):
        upload = self.begin_upload()
        for first, size in ((1, MIB), (MIB // 2, 10), (0, MIB + 1), (10_000 * MIB, 1)):
            with self.subTest(first=first, size=size), self.refused("InvalidParameterValueException"):
                self.put_part(upload, first, noise(size))
        self.put_part(upload, 9_999 * MIB, b"x")

    def test_a_range_that_is_not_as_long_as_the_body(self):
        upload = self.begin_upload()
        with self.refused("InvalidParameterValueException"):
            self.client.upload_multipart_part(vaultName="photos", uploadId=upload, body=b"12345", range="bytes 0-5/*")

    def test_aborting(self):
        upload = self.begin_upload()
        self.put_part(upload, 0, b"x")
        self.client.abort_multipart_upload(vaultName="photos", uploadId=upload)
        with self.refused("ResourceNotFoundException", 404):
            self.put_part(upload, 0, b"x")
        self.assertEqual(self.client.list_multipart_uploads(vaultName="photos")["UploadsList"], [])

    def test_a_completed_upload_cannot_be_aborted(self):
        upload = self.begin_upload()
        self.put_part(upload, 0, b"x")
        self.complete(upload, b"x")
        with self.assertRaises(ClientError):
            self.client.abort_multipart_upload(vaultName="photos", uploadId=upload)

    def test_lists_come_in_pages(self):
        uploads = {self.begin_upload(description=f"upload {i}") for i in range(3)}
        seen = []
        more = {}
        while True:
            page = self.client.list_multipart_uploads(vaultName="photos", limit="2", **more)
            self.assertLessEqual(len(page["UploadsList"]), 2)
            seen += [entry["MultipartUploadId"] for entry in page["UploadsList"]]
            if not page.get("Marker"):
                break
            more = {"marker": page["Marker"]}
        self.assertEqual(sorted(seen), sorted(uploads))
        upload = seen[0]
        for i in range(5):
            self.put_part(upload, i * MIB, b"x")
        pages = self.client.get_paginator("list_parts").paginate(vaultName="photos", uploadId=upload,
                                                                 PaginationConfig={"PageSize": 2})
        sizes = [len(page["Parts"]) for page in pages]
        self.assertEqual(sizes, [2, 2, 1])

    def test_an_upload_is_forgotten_a_day_after_its_last_part(self):
        upload = self.begin_upload()
        self.sim.advance(DAY - 1)
        self.put_part(upload, 0, b"x")
        self.sim.advance(DAY - 1)
        self.client.list_parts(vaultName="photos", uploadId=upload)
        self.sim.advance(2)
        with self.refused("ResourceNotFoundException", 404):
            self.complete(upload, b"x")


class Retrieval(VaultTest):
    def test_tiers_take_their_times(self):
        archive = self.upload(b"x")
        for tier, (shortest, longest) in TIMES.items():
            with self.subTest(tier=tier):
                job = self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier=tier)
                self.sim.advance(shortest - 1)
                description = self.describe(job)
                self.assertEqual((description["StatusCode"], description["Completed"], description["Tier"]),
                                 ("InProgress", False, tier))
                with self.refused("InvalidParameterValueException"):
                    self.output(job)
                self.sim.advance(longest - shortest + 1)
                self.assertEqual(self.describe(job)["StatusCode"], "Succeeded")
                self.assertEqual(self.output(job)["body"].read(), b"x")

    def test_what_a_description_of_a_job_says(self):
        data = noise(3 * MIB)
        archive = self.upload(data)
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive, Description="thaw",
                             RetrievalByteRange=f"{MIB}-{2 * MIB - 1}", SNSTopic="arn:aws:sns:us-east-1:1:topic")
        description = self.finish(job)
        self.assertEqual(description["Action"], "ArchiveRetrieval")
        self.assertEqual(description["ArchiveId"], archive)
        self.assertEqual(description["ArchiveSizeInBytes"], 3 * MIB)
        self.assertEqual(description["ArchiveSHA256TreeHash"], tree_hash(data))
        self.assertEqual(description["SHA256TreeHash"], tree_hash(data[MIB:2 * MIB]))
        self.assertEqual(description["RetrievalByteRange"], "1048576-2097151")
        self.assertEqual(description["JobDescription"], "thaw")
        self.assertEqual(description["SNSTopic"], "arn:aws:sns:us-east-1:1:topic")
        self.assertEqual(description["Tier"], "Standard")
        self.assertEqual(description["VaultARN"], "arn:aws:glacier:us-east-1:123456789012:vaults/photos")
        self.assertLess(description["CreationDate"], description["CompletionDate"])

    def test_the_output_is_there_for_a_day(self):
        archive = self.upload(b"x")
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.finish(job)  # at 12 hours; it was ready after 3 to 5
        self.sim.advance(15 * HOUR - 1)
        self.assertEqual(self.output(job)["body"].read(), b"x")
        self.sim.advance(2 * HOUR + 2)
        with self.refused("ResourceNotFoundException", 404):
            self.output(job)
        with self.refused("ResourceNotFoundException", 404):
            self.describe(job)
        self.assertEqual(self.client.list_jobs(vaultName="photos")["JobList"], [])
        self.assertEqual(self.download(archive), b"x")

    def test_an_archive_deleted_meanwhile_still_comes(self):
        archive = self.upload(b"doomed")
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.client.delete_archive(vaultName="photos", archiveId=archive)
        self.finish(job)
        self.assertEqual(self.output(job)["body"].read(), b"doomed")

    def test_ranges_of_archives(self):
        data = noise(3 * MIB + 100)
        archive = self.upload(data)
        good = {f"0-{MIB - 1}": data[:MIB], f"{MIB}-{3 * MIB - 1}": data[MIB:3 * MIB],
                f"{3 * MIB}-{3 * MIB + 99}": data[3 * MIB:], f"0-{3 * MIB + 99}": data}
        jobs = {text: self.begin_job(Type="archive-retrieval", ArchiveId=archive, RetrievalByteRange=text)
                for text in good}
        self.sim.advance(5 * HOUR)
        for text, part in good.items():
            reply = self.output(jobs[text])
            self.assertEqual(reply["body"].read(), part)
            # [1, 3) is no node of a tree of 4 leaves.
            aligned = text != f"{MIB}-{3 * MIB - 1}"
            self.assertEqual(reply.get("checksum"), tree_hash(part) if aligned else None, text)
        for text in ("0-99", f"1-{MIB - 1}", f"0-{3 * MIB + 100}", f"{MIB}-0", "x", f"{3 * MIB}-{3 * MIB + 98}"):
            with self.subTest(range=text), self.refused("InvalidParameterValueException"):
                self.begin_job(Type="archive-retrieval", ArchiveId=archive, RetrievalByteRange=text)

    def test_ranges_of_outputs(self):
        data = noise(4 * MIB)
        archive = self.upload(data)
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.finish(job)
        for first, last, hashed in ((0, 2 * MIB - 1, True), (2 * MIB, 3 * MIB - 1, True), (MIB, 3 * MIB - 1, False),
                                    (5, 9, False), (0, 4 * MIB - 1, True)):
            reply = self.output(job, range=f"bytes={first}-{last}")
            part = data[first:last + 1]
            self.assertEqual(reply["status"], 206)
            self.assertEqual(reply["contentRange"], f"bytes {first}-{last}/{4 * MIB}")
            self.assertEqual(reply["body"].read(), part)
            self.assertEqual(reply.get("checksum"), tree_hash(part) if hashed else None, (first, last))
        with self.refused("InvalidParameterValueException"):
            self.output(job, range=f"bytes={4 * MIB}-{4 * MIB}")

    def test_a_range_of_a_range(self):
        data = noise(8 * MIB)
        archive = self.upload(data)
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive, RetrievalByteRange=f"{4 * MIB}-{8 * MIB - 1}")
        self.finish(job)
        reply = self.output(job, range=f"bytes={2 * MIB}-{3 * MIB - 1}")
        self.assertEqual(reply["body"].read(), data[6 * MIB:7 * MIB])
        self.assertEqual(reply["checksum"], tree_hash(data[6 * MIB:7 * MIB]))

    def test_listing_jobs(self):
        archive = self.upload(b"x")
        quick = self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier="Expedited")
        self.sim.advance(1)
        slow = self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier="Bulk")
        self.sim.advance(HOUR)

        def listed(**more):
            return [job["JobId"] for job in self.client.list_jobs(vaultName="photos", **more)["JobList"]]

        self.assertEqual(listed(), [quick, slow])
        self.assertEqual(listed(completed="true"), [quick])
        self.assertEqual(listed(completed="false"), [slow])
        self.assertEqual(listed(statuscode="InProgress"), [slow])
        self.assertEqual(listed(statuscode="Failed"), [])
        page = self.client.list_jobs(vaultName="photos", limit="1")
        self.assertEqual(len(page["JobList"]), 1)
        self.assertEqual(listed(marker=page["Marker"]), [slow])

    def test_orders_that_make_no_sense(self):
        archive = self.upload(b"x")
        for parameters in ({"Type": "select"}, {"Type": "archive-retrieval", "ArchiveId": archive, "Tier": "Warp"},
                           {"Type": "inventory-retrieval", "Format": "XML"},
                           {"Type": "archive-retrieval", "ArchiveId": archive, "Description": "é"}):
            with self.subTest(parameters=parameters), self.assertRaises(ClientError) as raised:
                self.begin_job(**parameters)
            self.assertIn(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], (400, 404))
        for parameters in ({"Type": "archive-retrieval"}, {}):
            with self.subTest(parameters=parameters), self.refused("MissingParameterValueException"):
                self.begin_job(**parameters)


if __name__ == "__main__":
    unittest.main()
