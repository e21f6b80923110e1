"""kill -9 at any moment: what was answered is there afterwards, and nothing half."""
import os
import shutil
import signal
import threading
import unittest

import simulator
from client import VaultTest, tree_hash
from simulator import DAY, HOUR, MIB, noise
from vaults_test import keep_days


class Restart(VaultTest):
    def restart(self, how=signal.SIGKILL):
        self.sim.end(how)
        self.sim.start()
        self.client = self.connect()

    def test_it_ends_in_peace(self):
        self.assertEqual(self.sim.end(signal.SIGTERM), 0)
        self.sim.start()
        self.assertEqual(self.sim.end(signal.SIGINT), 0)

    def test_everything_is_still_there(self):
        data = noise(2 * MIB + 5)
        client = self.client
        archive = self.upload(data, "kept")
        gone = self.upload(b"gone")
        self.sim.advance(DAY)
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        inventory = self.begin_job(Type="inventory-retrieval")
        client.delete_archive(vaultName="photos", archiveId=gone)
        upload = self.begin_upload(description="half")
        self.put_part(upload, 0, data[:MIB])
        client.add_tags_to_vault(vaultName="photos", Tags={"a": "b"})
        client.set_vault_access_policy(vaultName="photos", policy={"Policy": keep_days(1)})
        lock = client.initiate_vault_lock(vaultName="photos", policy={"Policy": keep_days(3)})["lockId"]
        client.complete_vault_lock(vaultName="photos", lockId=lock)
        client.set_vault_notifications(vaultName="photos", vaultNotificationConfig={
            "SNSTopic": "arn:aws:sns:us-east-1:1:t", "Events": ["ArchiveRetrievalCompleted"]})
        capacity = client.purchase_provisioned_capacity()["capacityId"]
        client.set_data_retrieval_policy(Policy={"Rules": [{"Strategy": "FreeTier"}]})

        def state():
            # Only what does not change by asking; the bill counts requests.
            out = [self.describe(job), self.describe(inventory)]
            for call in (self.client.list_vaults, self.client.get_data_retrieval_policy,
                         self.client.list_provisioned_capacity):
                out.append(call())
            for name in ("describe_vault", "list_jobs", "list_multipart_uploads", "list_tags_for_vault",
                         "get_vault_access_policy", "get_vault_lock", "get_vault_notifications"):
                out.append(getattr(self.client, name)(vaultName="photos"))
            out.append(self.client.list_parts(vaultName="photos", uploadId=upload))
            for reply in out:
                reply.pop("ResponseMetadata")
            return out + [self.sim.control("clock")]

        before = state()
        bill = self.sim.bill()
        self.restart()
        self.assertEqual(self.sim.bill(), bill)
        self.assertEqual(state(), before)
        self.assertEqual(self.client.list_provisioned_capacity()["ProvisionedCapacityList"][0]["CapacityId"], capacity)
        for first in (MIB, 2 * MIB):
            self.put_part(upload, first, data[first:first + MIB])
        completed = self.complete(upload, data)
        self.restart()
        self.assertEqual(self.complete(upload, data), completed)
        self.sim.advance(5 * HOUR)
        self.restart()
        self.assertEqual(self.output(job)["body"].read(), data)
        self.assertIn(b'"kept"', self.output(inventory)["body"].read())
        self.assertEqual(self.download(completed), data)

    def test_a_kill_in_the_middle_of_a_part(self):
        data = noise(3 * MIB)
        upload = self.begin_upload()
        self.put_part(upload, 0, data[:MIB])
        half_sent = threading.Event()

        class Half:
            """A body that stops in its middle until the simulator is dead."""

            def __init__(self, dead):
                self.at = 0
                self.dead = dead

            def read(self, size=-1):
                if self.at >= MIB // 2:
                    half_sent.set()
                    self.dead.wait(simulator.TIMEOUT_SEC)
                end = min(MIB, self.at + (size if size and size > 0 else MIB))
                piece = data[MIB + self.at:MIB + end]
                self.at = end
                return piece

        dead = threading.Event()
        errors = []

        def put():
            import http.client
            try:
                self.send_part(upload, data[MIB:2 * MIB], Half(dead))
            except (OSError, http.client.HTTPException) as error:
                errors.append(error)

        thread = threading.Thread(target=put)
        thread.start()
        self.assertTrue(half_sent.wait(simulator.TIMEOUT_SEC))
        self.sim.kill()
        dead.set()
        thread.join()
        self.assertEqual(len(errors), 1)
        self.sim.start()
        self.client = self.connect()
        parts = self.client.list_parts(vaultName="photos", uploadId=upload)["Parts"]
        self.assertEqual([part["RangeInBytes"] for part in parts], [f"0-{MIB - 1}"])
        self.assertEqual(os.listdir(os.path.join(self.sim.data, "glacier", "incoming")), [])
        for first in (MIB, 2 * MIB):
            self.put_part(upload, first, data[first:first + MIB])
        self.assertEqual(self.download(self.complete(upload, data)), data)

    def send_part(self, upload, part, body):
        """A part whose body is read piece by piece while it is sent."""
        import hashlib
        import http.client

        import botocore.auth
        import botocore.awsrequest
        import botocore.credentials
        path = f"/-/vaults/photos/multipart-uploads/{upload}"
        headers = {"x-amz-glacier-version": "2012-06-01", "x-amz-sha256-tree-hash": tree_hash(part),
                   "x-amz-content-sha256": hashlib.sha256(part).hexdigest(), "Content-Length": str(len(part)),
                   "Content-Range": f"bytes {MIB}-{2 * MIB - 1}/*"}
        request = botocore.awsrequest.AWSRequest("PUT", self.sim.url + path, headers=headers)
        botocore.auth.SigV4Auth(botocore.credentials.Credentials(simulator.KEY, simulator.SECRET), "glacier",
                                simulator.REGION).add_auth(request)
        connection = http.client.HTTPConnection(self.sim.address, timeout=simulator.TIMEOUT_SEC)
        try:
            connection.request("PUT", path, body, dict(request.headers.items()))
            connection.getresponse()
        finally:
            connection.close()

    def test_killed_again_and_again_between_any_two_requests(self):
        data = noise(6 * MIB)
        upload = self.begin_upload()
        for first in range(0, 6 * MIB, MIB):
            self.restart()
            self.put_part(upload, first, data[first:first + MIB])
        self.restart()
        archive = self.complete(upload, data)
        self.restart()
        self.assertEqual(self.complete(upload, data), archive)
        self.restart()
        self.assertEqual(self.client.list_multipart_uploads(vaultName="photos")["UploadsList"], [])
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.restart()
        self.finish(job)
        self.restart()
        self.assertEqual(self.output(job)["body"].read(), data)
        self.client.delete_archive(vaultName="photos", archiveId=archive)
        self.restart()
        with self.refused("ResourceNotFoundException", 404):
            self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.assertEqual(self.sim.bill()["requests"]["UploadMultipartPart"], 6)

    def test_a_kill_in_the_middle_of_a_deletion(self):
        archive = self.upload(noise(MIB))
        other = self.upload(b"other")
        place = os.path.join(self.sim.data, "glacier", "vaults", "v-photos", "archives", archive)
        shutil.copytree(place, os.path.join(self.home, "copy"))
        self.sim.advance(DAY)
        self.client.delete_archive(vaultName="photos", archiveId=archive)
        bill = self.sim.bill()
        self.sim.kill()
        # As if it had been killed when the deletion was on the record, but the files still in their place.
        shutil.copytree(os.path.join(self.home, "copy"), place)
        self.sim.start()
        self.client = self.connect()
        with self.refused("ResourceNotFoundException", 404):
            self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.assertEqual(os.listdir(os.path.dirname(place)), [other])
        after = self.sim.bill()
        self.assertEqual([after["lines"][i] for i in (1, 2, 3)], [bill["lines"][i] for i in (1, 2, 3)])

    def test_two_cannot_share_a_directory(self):
        with self.assertRaises(RuntimeError):
            self.run_simulator(data=self.sim.data)
        self.client.list_vaults()


if __name__ == "__main__":
    unittest.main()
