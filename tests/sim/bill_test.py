"""Bills to the cent, by numbers that are computed here by hand."""
import json
import os
import unittest

from client import VaultTest, tree_hash
from simulator import DAY, HOUR, MIB, noise

GB = 1 << 30
OVERHEAD = 32768  # bytes of the index, by the price of storage
NAME = 8192  # bytes of the name, by a price of its own
PRICES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "cost", "prices.json")


class Bill(VaultTest):
    def assert_usd(self, what, expected):
        self.assertAlmostEqual(self.sim.usd(what), expected, places=12)

    def test_requests_that_store(self):
        data = noise(3 * MIB)
        self.upload(b"one")
        upload = self.begin_upload()
        for first in range(0, 3 * MIB, MIB):
            self.put_part(upload, first, data[first:first + MIB])
        self.complete(upload, data)
        self.client.list_vaults()
        self.assertEqual(self.sim.bill()["requests"],
                         {"CreateVault": 1, "UploadArchive": 1, "InitiateMultipartUpload": 1, "UploadMultipartPart": 3,
                          "CompleteMultipartUpload": 1, "ListVaults": 1})
        self.assert_usd("upload requests", 6 * 0.03 / 1000)
        self.assertEqual(self.sim.bill()["bytes_in"], 3 + 3 * MIB)

    def test_failed_requests(self):
        for status in (500, 503):
            self.sim.faults({"kind": "error", "status": status, "operation": "UploadArchive"})
            with self.refused("ServiceUnavailableException", status):
                self.upload(b"x")
        self.assertNotIn("UploadArchive", self.sim.bill()["requests"])
        with self.refused("InvalidParameterValueException"):
            self.client.upload_archive(vaultName="photos", body=b"x", checksum=tree_hash(b"y"))
        self.assertEqual(self.sim.bill()["requests"]["UploadArchive"], 1)
        with self.refused("InvalidSignatureException", 403):
            self.connect(secret="wrong").list_vaults()
        self.assertNotIn("ListVaults", self.sim.bill()["requests"])

    def test_storage(self):
        self.upload(noise(MIB))
        self.assert_usd("storage", 0)
        self.sim.advance(30 * DAY)
        self.assert_usd("storage", (MIB + OVERHEAD) / GB * 0.0036)
        self.assert_usd("storage of names", NAME / GB * 0.023)
        self.upload(noise(2 * MIB))
        self.sim.advance(15 * DAY)
        self.assert_usd("storage", (1.5 * (MIB + OVERHEAD) + 0.5 * (2 * MIB + OVERHEAD)) / GB * 0.0036)
        self.assert_usd("early deletion", 0)

    def test_parts_are_not_stored_before_they_are_an_archive(self):
        self.put_part(self.begin_upload(), 0, noise(MIB))
        self.sim.advance(HOUR)
        self.assert_usd("storage", 0)

    def test_early_deletion(self):
        first = self.upload(noise(MIB))
        second = self.upload(noise(MIB))
        monthly = (MIB + OVERHEAD) / GB * 0.0036
        monthly_name = NAME / GB * 0.023
        self.sim.advance(30 * DAY)
        self.client.delete_archive(vaultName="photos", archiveId=first)
        self.assert_usd("early deletion", 2 * (monthly + monthly_name))
        self.sim.advance(60 * DAY)
        self.client.delete_archive(vaultName="photos", archiveId=second)
        self.client.delete_archive(vaultName="photos", archiveId=second)
        self.assert_usd("early deletion", 2 * (monthly + monthly_name))
        self.assert_usd("storage", 4 * monthly)
        self.sim.advance(30 * DAY)
        self.assert_usd("storage", 4 * monthly)

    def test_a_deleted_archive_that_a_job_still_needs(self):
        archive = self.upload(noise(MIB))
        self.sim.advance(30 * DAY)
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.client.delete_archive(vaultName="photos", archiveId=archive)
        before = self.sim.usd("storage")
        self.finish(job)
        self.assertEqual(self.sim.usd("storage"), before)

    def test_retrievals_and_what_leaves(self):
        data = noise(4 * MIB)
        archive = self.upload(data)
        jobs = [self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier="Bulk"),
                self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier="Bulk",
                               RetrievalByteRange=f"0-{MIB - 1}"),
                self.begin_job(Type="archive-retrieval", ArchiveId=archive),
                self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier="Expedited")]
        self.assert_usd("retrieval, Bulk", 5 * MIB / GB * 0.0025)
        self.assert_usd("retrieval requests, Bulk", 2 * 0.025 / 1000)
        self.assert_usd("retrieval, Standard", 4 * MIB / GB * 0.01)
        self.assert_usd("retrieval requests, Standard", 0.05 / 1000)
        self.assert_usd("retrieval, Expedited", 4 * MIB / GB * 0.03)
        self.assert_usd("retrieval requests, Expedited", 10 / 1000)
        self.sim.control("clock", {"set": "2040-01-01T00:00:00Z"})  # jobs are over
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.finish(job)
        self.output(job)["body"].read()
        self.output(job, range=f"bytes=0-{MIB - 1}")["body"].read()
        self.assertEqual(self.sim.bill()["egress_bytes"], {"2040-01": 5 * MIB})
        self.assert_usd("transfer out", 0)
        self.assertEqual(len(jobs), 4)

    def test_inventories_cost_their_egress_only(self):
        self.upload(b"x")
        self.sim.advance(DAY)
        before = self.sim.bill()
        job = self.begin_job(Type="inventory-retrieval")
        self.sim.advance(5 * HOUR)
        size = len(self.output(job)["body"].read())
        bill = self.sim.bill()
        self.assertEqual(sum(bill["egress_bytes"].values()), size)
        self.assertEqual(bill["retrieval_jobs"], before["retrieval_jobs"])

    def test_a_table_of_ones_own(self):
        with open(PRICES, encoding="utf-8") as file:
            prices = json.load(file)
        prices["upload_usd_per_1000_requests"] = 2000
        prices["egress"] = [{"usd_per_gb": 1024}]
        path = self.home + "/prices.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(prices, file)
        self.sim.end()
        self.sim.options = ("--freeze", "--prices", path)
        self.sim.start()
        self.client = self.connect()
        data = noise(MIB)
        self.download(self.upload(data))
        self.assert_usd("upload requests", 2)
        self.assert_usd("transfer out", 1)

    def test_the_total_and_a_kill(self):
        self.download(self.upload(noise(MIB)))
        bill = self.sim.bill()
        self.assertAlmostEqual(bill["usd"], sum(line["usd"] for line in bill["lines"]), places=15)
        self.assertGreater(bill["usd"], 0)
        self.sim.kill()
        self.sim.start()
        self.assertEqual(self.sim.bill(), bill)


if __name__ == "__main__":
    unittest.main()
