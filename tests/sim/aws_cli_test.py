"""Each operation once by Debian's `aws glacier`, which starts slowly: breadth is for the tests with boto3."""
import json
import unittest

from aws import AwsTest
from simulator import DAY, HOUR, MIB, noise


class AwsCli(AwsTest):
    def test_vaults_archives_and_jobs(self):
        self.of_vault("create-vault")
        self.assertEqual([vault["VaultName"] for vault in self.aws("list-vaults")["VaultList"]], ["photos"])
        data = noise(2 * MIB + 10)
        archive = self.of_vault("upload-archive", "--archive-description", "one file", "--body",
                                self.file("data", data))["archiveId"]
        job = self.of_vault("initiate-job", "--job-parameters",
                            json.dumps({"Type": "archive-retrieval", "ArchiveId": archive, "Tier": "Bulk"}))["jobId"]
        self.sim.advance(DAY - HOUR)
        self.sim.advance(HOUR)
        inventory = self.of_vault("initiate-job", "--job-parameters", '{"Type": "inventory-retrieval"}')["jobId"]
        self.assertEqual(self.of_vault("describe-vault")["NumberOfArchives"], 1)
        described = self.of_vault("describe-job", f"--job-id={job}")
        self.assertEqual((described["StatusCode"], described["ArchiveId"]), ("Succeeded", archive))
        self.of_vault("get-job-output", f"--job-id={job}", "out")
        self.assertEqual(self.read("out"), data)
        ranged = self.of_vault("get-job-output", f"--job-id={job}", "--range", f"bytes={MIB}-{2 * MIB - 1}", "part")
        self.assertEqual((self.read("part"), ranged["status"]), (data[MIB:2 * MIB], 206))
        self.sim.advance(5 * HOUR)
        self.assertEqual([entry["JobId"] for entry in self.of_vault("list-jobs", "--completed", "true")["JobList"]],
                         [job, inventory])
        self.of_vault("get-job-output", f"--job-id={inventory}", "inventory")
        self.assertEqual([entry["ArchiveDescription"] for entry in json.loads(self.read("inventory"))["ArchiveList"]],
                         ["one file"])
        self.of_vault("delete-archive", f"--archive-id={archive}")
        self.sim.advance(2 * DAY)
        self.of_vault("delete-vault")
        self.assertEqual(self.aws("list-vaults")["VaultList"], [])

    def test_multipart_by_hand(self):
        self.of_vault("create-vault")
        data = noise(2 * MIB)
        upload = self.of_vault("initiate-multipart-upload", "--part-size", str(MIB), "--archive-description",
                               "in parts")["uploadId"]
        hashes = []
        for first in (0, MIB):
            part = self.file("part", data[first:first + MIB])
            hashes.append(self.of_vault("upload-multipart-part", f"--upload-id={upload}", "--body", part, "--range",
                                        f"bytes {first}-{first + MIB - 1}/*")["checksum"])
        listed = self.of_vault("list-parts", f"--upload-id={upload}")
        self.assertEqual([part["SHA256TreeHash"] for part in listed["Parts"]], hashes)
        from hashlib import sha256
        whole = sha256(sha256(data[:MIB]).digest() + sha256(data[MIB:]).digest()).hexdigest()
        done = self.of_vault("complete-multipart-upload", f"--upload-id={upload}", "--archive-size", str(2 * MIB),
                             "--checksum", whole)
        self.assertTrue(done["archiveId"])
        other = self.of_vault("initiate-multipart-upload", "--part-size", str(MIB))["uploadId"]
        self.assertEqual([entry["MultipartUploadId"] for entry in
                          self.of_vault("list-multipart-uploads")["UploadsList"]], [other])
        self.of_vault("abort-multipart-upload", f"--upload-id={other}")

    def test_what_belongs_to_a_vault(self):
        self.of_vault("create-vault")
        self.of_vault("add-tags-to-vault", "--tags", "owner=me,set=home")
        self.of_vault("remove-tags-from-vault", "--tag-keys", "set")
        self.assertEqual(self.of_vault("list-tags-for-vault")["Tags"], {"owner": "me"})
        topic = {"SNSTopic": "arn:aws:sns:us-east-1:123456789012:t", "Events": ["ArchiveRetrievalCompleted"]}
        self.of_vault("set-vault-notifications", "--vault-notification-config", json.dumps(topic))
        self.assertEqual(self.of_vault("get-vault-notifications")["vaultNotificationConfig"], topic)
        self.of_vault("delete-vault-notifications")
        policy = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.of_vault("set-vault-access-policy", "--policy", json.dumps({"Policy": policy}))
        self.assertEqual(self.of_vault("get-vault-access-policy")["policy"]["Policy"], policy)
        self.of_vault("delete-vault-access-policy")

    def test_lock_and_account(self):
        self.of_vault("create-vault")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "glacier:DeleteArchive", "Resource": "*"}]})
        self.of_vault("initiate-vault-lock", "--policy", json.dumps({"Policy": policy}))
        self.of_vault("abort-vault-lock")
        lock = self.of_vault("initiate-vault-lock", "--policy", json.dumps({"Policy": policy}))["lockId"]
        self.of_vault("complete-vault-lock", f"--lock-id={lock}")
        self.assertEqual(self.of_vault("get-vault-lock")["State"], "Locked")
        rules = {"Rules": [{"Strategy": "FreeTier"}]}
        self.aws("set-data-retrieval-policy", "--policy", json.dumps(rules))
        self.assertEqual(self.aws("get-data-retrieval-policy")["Policy"], rules)
        unit = self.aws("purchase-provisioned-capacity")["capacityId"]
        self.assertEqual(self.aws("list-provisioned-capacity")["ProvisionedCapacityList"][0]["CapacityId"], unit)

    def test_wrong_keys_and_region(self):
        for environment, code in (({"AWS_SECRET_ACCESS_KEY": "wrong"}, "InvalidSignatureException"),
                                  ({"AWS_ACCESS_KEY_ID": "AKIDOTHER"}, "UnrecognizedClientException"),
                                  ({"AWS_DEFAULT_REGION": "eu-west-1"}, "InvalidSignatureException")):
            done = self.run_aws("list-vaults", **environment)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(code, done.stderr)
        data = self.file("data", b"data")
        self.of_vault("create-vault")
        done = self.run_aws("upload-archive", "--vault-name", "photos", "--body", data, "--checksum", "0" * 64)
        self.assertIn("InvalidParameterValueException", done.stderr)


if __name__ == "__main__":
    unittest.main()
