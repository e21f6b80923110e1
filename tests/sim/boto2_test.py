"""boto 2, which scripts of ten years still use: single, multipart and concurrent uploads, jobs, downloads by ranges."""
import io
import json
import os
import unittest

import simulator
from simulator import DAY, HOUR, KEY, MIB, REGION, SECRET, SimulatorTest, noise

try:
    import boto.glacier.layer2
    import boto.regioninfo
    from boto.glacier.exceptions import UnexpectedHTTPResponseError
except ImportError:
    simulator.skip_all("python3-boto is not installed")


class Boto2(SimulatorTest):
    def setUp(self):
        super().setUp()
        self.layer2 = self.connect()
        self.vault = self.layer2.create_vault("photos")

    def connect(self, secret=SECRET):
        host, _, port = self.sim.address.rpartition(":")
        region = boto.regioninfo.RegionInfo(name=REGION, endpoint=host)
        layer2 = boto.glacier.layer2.Layer2(KEY, secret, is_secure=False, port=int(port), region=region)
        # Else it takes both from the host's name.
        layer2.layer1.auth_region_name = REGION
        layer2.layer1.auth_service_name = "glacier"
        layer2.layer1.num_retries = 0
        self.addCleanup(layer2.layer1.close)
        return layer2

    def file(self, data):
        path = os.path.join(self.home, "data")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def download(self, archive, chunk_size):
        job = self.vault.retrieve_archive(archive)
        self.sim.advance(5 * HOUR)
        path = os.path.join(self.home, "out")
        # Its own check of hashes compares bytes with text under Python 3.
        self.vault.get_job(job.id).download_to_file(path, chunk_size=chunk_size, verify_hashes=False)
        with open(path, "rb") as file:
            return file.read()

    def test_vaults(self):
        self.assertEqual([vault.name for vault in self.layer2.list_vaults()], ["photos"])
        self.assertEqual(self.layer2.get_vault("photos").arn, "arn:aws:glacier:us-east-1:123456789012:vaults/photos")
        self.layer2.delete_vault("photos")
        self.assertEqual(self.layer2.list_vaults(), [])

    def test_a_single_upload(self):
        data = noise(MIB + 1)
        archive = self.vault.create_archive_from_file(self.file(data), description="small")
        self.assertEqual(self.download(archive, MIB), data)

    def test_a_multipart_upload(self):
        data = noise(5 * MIB + 1)
        archive = self.vault.create_archive_from_file(file_obj=io.BytesIO(data), description="of a stream")
        self.assertEqual(self.download(archive, 4 * MIB), data)

    def test_a_concurrent_upload(self):
        data = noise(9 * MIB)
        archive = self.vault.concurrent_create_archive_from_file(self.file(data), "by many", part_size=MIB)
        self.assertEqual(self.download(archive, 2 * MIB), data)

    def test_jobs_and_inventory(self):
        archive = self.vault.create_archive_from_file(self.file(b"data"), description="named")
        self.sim.advance(DAY)
        job = self.vault.retrieve_inventory()
        listed = self.vault.list_jobs()
        self.assertEqual([(entry.id, entry.completed, entry.status_code) for entry in listed],
                         [(job, False, "InProgress")])
        self.sim.advance(5 * HOUR)
        inventory = json.loads(self.vault.get_job(job).get_output().read().decode())
        self.assertEqual([(entry["ArchiveId"], entry["ArchiveDescription"]) for entry in inventory["ArchiveList"]],
                         [(archive, "named")])
        self.vault.delete_archive(archive)
        with self.assertRaises(UnexpectedHTTPResponseError) as raised:
            self.vault.retrieve_archive(archive)
        self.assertEqual((raised.exception.status, raised.exception.code), (404, "ResourceNotFoundException"))

    def test_wrong_keys(self):
        with self.assertRaises(UnexpectedHTTPResponseError) as raised:
            self.connect(secret="wrong").list_vaults()
        self.assertEqual((raised.exception.status, raised.exception.code), (403, "InvalidSignatureException"))


if __name__ == "__main__":
    unittest.main(warnings="ignore")  # boto leaves its connections open
