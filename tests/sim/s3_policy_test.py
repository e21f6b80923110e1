"""Keys that are restricted to a policy: least privilege, tried by doing."""
import json
import os
import unittest

import client as vault_client
import s3_client
from simulator import ACCOUNT, KEY, SECRET, SimulatorTest

WRITER, READER, VAULT = "AKIDWRITER", "AKIDREADER", "AKIDVAULT"
ARN = "arn:aws:s3:::ice"


def statements(*given):
    return {"Version": "2012-10-17", "Statement": list(given)}


def allow(actions, resources, **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


POLICIES = {
    # Writes below home/ and lists what is there, but reads and deletes nothing.
    WRITER: statements(
        allow(["s3:PutObject", "s3:PutObjectRetention", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
              ARN + "/home/*"),
        allow("s3:ListBucket", ARN, Condition={"StringLike": {"s3:prefix": ["home/*"]}}),
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*",
         "Condition": {"StringEquals": {"s3:x-amz-storage-class": "GLACIER_IR"}}}),
    READER: statements(allow(["s3:GetObject", "s3:RestoreObject"], ARN + "/home/*")),
    VAULT: statements(allow(["glacier:UploadArchive", "glacier:DescribeVault"],
                            f"arn:aws:glacier:us-east-1:{ACCOUNT}:vaults/photos")),
}


class Policies(SimulatorTest):
    refused = s3_client.ColdTest.refused

    def setUp(self):
        super().setUp()
        self.admin = self.connect(KEY)
        self.writer = self.connect(WRITER)
        self.reader = self.connect(READER)
        self.admin.create_bucket(Bucket="ice", ObjectLockEnabledForBucket=True)

    def run_simulator(self, *options, data=None):
        options = list(options)
        for key, policy in POLICIES.items():
            path = os.path.join(self.home, key + ".json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(policy, file)
            options += ["--credentials", f"{key}:{SECRET}", "--policy", f"{key}={path}"]
        return super().run_simulator(*options, data=data)

    def connect(self, key):
        out = s3_client.connect(self.sim, key=key)
        self.addCleanup(out.close)
        return out

    def test_a_writer_writes(self):
        self.writer.put_object(Bucket="ice", Key="home/a", Body=b"data", StorageClass="DEEP_ARCHIVE")
        with self.refused("AccessDenied", 403) as raised:
            self.writer.put_object(Bucket="ice", Key="other/a", Body=b"data")
        self.assertIn(f"User: arn:aws:iam::{ACCOUNT}:user/{WRITER} is not authorized to perform: s3:PutObject on "
                      'resource: "arn:aws:s3:::ice/other/a" because no identity-based policy allows the '
                      "s3:PutObject action", str(raised.exception))
        with self.refused("AccessDenied", 403) as raised:
            self.writer.put_object(Bucket="ice", Key="home/b", Body=b"data", StorageClass="GLACIER_IR")
        self.assertIn("with an explicit deny in an identity-based policy", str(raised.exception))

    def test_a_writer_neither_reads_nor_deletes(self):
        version = self.writer.put_object(Bucket="ice", Key="home/a", Body=b"data")["VersionId"]
        for what in (lambda: self.writer.get_object(Bucket="ice", Key="home/a"),
                     lambda: self.writer.delete_object(Bucket="ice", Key="home/a"),
                     lambda: self.writer.delete_object(Bucket="ice", Key="home/a", VersionId=version),
                     lambda: self.writer.get_bucket_lifecycle_configuration(Bucket="ice"),
                     self.writer.list_buckets):
            with self.refused("AccessDenied", 403):
                what()
        with self.refused("403", 403):
            self.writer.head_object(Bucket="ice", Key="home/a")

    def test_lists_by_prefix(self):
        self.writer.put_object(Bucket="ice", Key="home/a", Body=b"data")
        listed = self.writer.list_objects_v2(Bucket="ice", Prefix="home/")
        self.assertEqual([entry["Key"] for entry in listed["Contents"]], ["home/a"])
        for more in ({}, {"Prefix": "hom"}):
            with self.refused("AccessDenied", 403):
                self.writer.list_objects_v2(Bucket="ice", **more)

    def test_who_cannot_list_learns_nothing_of_what_is_absent(self):
        with self.refused("AccessDenied", 403) as raised:
            self.reader.get_object(Bucket="ice", Key="home/none")
        self.assertIn("s3:ListBucket", str(raised.exception))
        with self.refused("403", 403):
            self.reader.head_object(Bucket="ice", Key="home/none")
        with self.refused("404", 404):
            self.admin.head_object(Bucket="ice", Key="home/none")

    def test_a_lock_is_set_and_seen_by_those_who_may(self):
        lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-01T00:00:00Z",
                "ContentMD5": "jXd/OF09/siBXSD3SWAm3A=="}
        self.writer.put_object(Bucket="ice", Key="home/a", Body=b"data", **lock)
        self.assertEqual(self.admin.head_object(Bucket="ice", Key="home/a")["ObjectLockMode"], "GOVERNANCE")
        self.assertNotIn("ObjectLockMode", self.reader.head_object(Bucket="ice", Key="home/a"))

    def test_a_reader_restores(self):
        self.writer.put_object(Bucket="ice", Key="home/a", Body=b"data", StorageClass="GLACIER")
        self.reader.restore_object(Bucket="ice", Key="home/a", RestoreRequest={
            "Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})
        self.sim.advance(300)
        self.assertEqual(self.reader.get_object(Bucket="ice", Key="home/a")["Body"].read(), b"data")
        with self.refused("AccessDenied", 403):
            self.writer.restore_object(Bucket="ice", Key="home/a", RestoreRequest={"Days": 1})

    def test_many_deletions_are_each_allowed_or_not(self):
        self.admin.put_bucket_policy(Bucket="ice", Policy=json.dumps(statements(
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{READER}"},
             "Action": "s3:DeleteObject", "Resource": ARN + "/home/*"})))
        for key in ("home/a", "other/a"):
            self.admin.put_object(Bucket="ice", Key=key, Body=b"data")
        done = self.reader.delete_objects(Bucket="ice", Delete={"Objects": [{"Key": "home/a"}, {"Key": "other/a"}]})
        self.assertEqual([entry["Key"] for entry in done["Deleted"]], ["home/a"])
        self.assertEqual([(entry["Key"], entry["Code"]) for entry in done["Errors"]], [("other/a", "AccessDenied")])

    def test_a_bucket_that_is_not_there_is_so_for_everybody(self):
        with self.refused("NoSuchBucket", 404):
            self.writer.put_object(Bucket="none", Key="k", Body=b"")

    def test_vaults(self):
        vaults = vault_client.glacier(self.sim)
        self.addCleanup(vaults.close)
        limited = vault_client.glacier(self.sim, key=VAULT)
        self.addCleanup(limited.close)
        for name in ("photos", "other"):
            vaults.create_vault(vaultName=name)
        archive = limited.upload_archive(vaultName="photos", body=b"data")["archiveId"]
        limited.describe_vault(vaultName="photos")
        for what, action in ((lambda: limited.upload_archive(vaultName="other", body=b"data"), "UploadArchive"),
                             (lambda: limited.delete_archive(vaultName="photos", archiveId=archive),
                              "DeleteArchive"), (limited.list_vaults, "ListVaults")):
            with self.refused("AccessDeniedException", 403) as raised:
                what()
            self.assertIn(f"is not authorized to perform: glacier:{action}", str(raised.exception))

    def test_policies_that_cannot_be_used(self):
        path = os.path.join(self.home, "bad.json")
        for text in ("{", json.dumps(statements(allow("PutObject", "*")))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            with self.assertRaises(RuntimeError):
                SimulatorTest.run_simulator(self, "--freeze", "--policy", f"{KEY}={path}")
        with self.assertRaises(RuntimeError):
            SimulatorTest.run_simulator(self, "--freeze", "--policy", f"AKIDNOBODY={path}")


if __name__ == "__main__":
    unittest.main()
