"""Versions, locks, lifecycles, tags and settings of buckets by boto3."""
import datetime
import json
import unittest

from s3_client import ColdTest
from simulator import DAY, HOUR, MIB, noise

UTC = datetime.timezone.utc
GB = 1 << 30


def day(month, number, hour=0):
    return datetime.datetime(2027, month, number, hour, tzinfo=UTC)


class Versions(ColdTest):
    def setUp(self):
        super().setUp()
        self.client.put_bucket_versioning(Bucket="ice", VersioningConfiguration={"Status": "Enabled"})

    def pages(self, **more):
        """All versions and delete markers as (key, id, latest), page by page."""
        out, markers = [], {}
        while True:
            page = self.client.list_object_versions(Bucket="ice", **more, **markers)
            out.append([(entry["Key"], entry["VersionId"], entry["IsLatest"])
                        for entry in page.get("Versions", []) + page.get("DeleteMarkers", [])])
            if not page["IsTruncated"]:
                return out
            markers = {"KeyMarker": page["NextKeyMarker"]}
            if "NextVersionIdMarker" in page:
                markers["VersionIdMarker"] = page["NextVersionIdMarker"]

    def test_versions_and_markers(self):
        first = self.put("k", b"one")["VersionId"]
        second = self.put("k", b"two")["VersionId"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.read("k"), b"two")
        self.assertEqual(self.read("k", VersionId=first), b"one")
        marker = self.client.delete_object(Bucket="ice", Key="k")
        self.assertTrue(marker["DeleteMarker"])
        with self.refused("NoSuchKey", 404):
            self.read("k")
        self.assertEqual(self.read("k", VersionId=second), b"two")
        with self.refused("MethodNotAllowed", 405):
            self.read("k", VersionId=marker["VersionId"])
        self.assertEqual(self.pages(), [[("k", second, False), ("k", first, False),
                                         ("k", marker["VersionId"], True)]])
        self.client.delete_object(Bucket="ice", Key="k", VersionId=marker["VersionId"])
        self.assertEqual(self.read("k"), b"two")
        self.client.delete_object(Bucket="ice", Key="k", VersionId=second)
        self.assertEqual(self.read("k"), b"one")
        with self.refused("NoSuchVersion", 404):
            self.read("k", VersionId=second)

    def test_pages_of_versions(self):
        made = [(key, self.put(key, bytes([i]))["VersionId"]) for key in ("a", "b", "dir/x", "dir/y", "e")
                for i in range(3)]
        wanted = sorted(made, key=lambda entry: (entry[0], -made.index(entry)))
        for size in (1, 2, 3, 4, 7, 15, 100):
            found = [(key, version) for page in self.pages(MaxKeys=size) for key, version, _ in page]
            self.assertEqual(found, wanted, size)
        self.assertEqual(sum(latest for page in self.pages(MaxKeys=4) for *_, latest in page), 5)
        page = self.client.list_object_versions(Bucket="ice", Delimiter="/", MaxKeys=7)
        self.assertEqual([entry["Prefix"] for entry in page["CommonPrefixes"]], ["dir/"])
        rest = self.client.list_object_versions(Bucket="ice", Delimiter="/", KeyMarker=page["NextKeyMarker"])
        self.assertEqual([entry["Key"] for entry in rest["Versions"]], ["e"] * 3)
        self.assertEqual([entry["Key"] for entry in
                          self.client.list_object_versions(Bucket="ice", Prefix="dir/x")["Versions"]], ["dir/x"] * 3)
        with self.refused("InvalidArgument"):
            self.client.list_object_versions(Bucket="ice", VersionIdMarker="x")

    def test_null_versions(self):
        self.client.create_bucket(Bucket="plain")
        put = lambda body: self.client.put_object(Bucket="plain", Key="k", Body=body).get("VersionId")  # noqa: E731
        status = lambda name: self.client.put_bucket_versioning(  # noqa: E731
            Bucket="plain", VersioningConfiguration={"Status": name})
        self.assertIsNone(put(b"before"))
        status("Enabled")
        self.assertEqual(self.client.get_bucket_versioning(Bucket="plain")["Status"], "Enabled")
        numbered = put(b"numbered")
        status("Suspended")
        self.assertEqual(self.client.get_object(Bucket="plain", Key="k", VersionId="null")["Body"].read(), b"before")
        put(b"after")
        versions = self.client.list_object_versions(Bucket="plain")["Versions"]
        self.assertEqual([entry["VersionId"] for entry in versions], ["null", numbered])
        self.assertEqual(self.client.get_object(Bucket="plain", Key="k")["Body"].read(), b"after")
        self.client.delete_object(Bucket="plain", Key="k")
        listed = self.client.list_object_versions(Bucket="plain")
        self.assertEqual([entry["VersionId"] for entry in listed["DeleteMarkers"]], ["null"])
        self.assertEqual([entry["VersionId"] for entry in listed["Versions"]], [numbered])

    def test_old_versions_cost(self):
        self.put("k", noise(MIB))
        self.sim.advance(15 * DAY)
        self.put("k", noise(MIB))
        self.sim.advance(15 * DAY)
        self.assertAlmostEqual(self.usd("S3 storage, STANDARD"), 1.5 * MIB / GB * 0.023, places=15)

    def test_restores_are_of_a_version(self):
        old = self.put("k", b"old", StorageClass="GLACIER")["VersionId"]
        self.put("k", b"new")
        with self.refused("InvalidObjectState", 403):
            self.restore("k")
        self.assertEqual(self.restore("k", 1, "Expedited", VersionId=old), 202)
        self.sim.advance(300)
        self.assertEqual(self.read("k", VersionId=old), b"old")


class Lock(ColdTest):
    bucket_options = {"ObjectLockEnabledForBucket": True}

    def put_locked(self, key, mode, until, **more):
        return self.put(key, ContentMD5="jXd/OF09/siBXSD3SWAm3A==", ObjectLockMode=mode,
                        ObjectLockRetainUntilDate=until, **more)["VersionId"]

    def delete(self, key, version, **more):
        self.client.delete_object(Bucket="ice", Key=key, VersionId=version, **more)

    def retain(self, key, mode, until, **more):
        self.client.put_object_retention(Bucket="ice", Key=key, Retention={"Mode": mode, "RetainUntilDate": until},
                                         **more)

    def test_compliance_is_never_shortened(self):
        version = self.put_locked("k", "COMPLIANCE", day(4, 1))
        head = self.head("k")
        self.assertEqual((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("COMPLIANCE", day(4, 1)))
        for more in ({}, {"BypassGovernanceRetention": True}):
            with self.refused("AccessDenied", 403):
                self.delete("k", version, **more)
            with self.refused("AccessDenied", 403):
                self.retain("k", "COMPLIANCE", day(3, 31), **more)
            with self.refused("AccessDenied", 403):
                self.retain("k", "GOVERNANCE", day(5, 1), **more)
        self.client.delete_object(Bucket="ice", Key="k")  # a marker hides it
        self.assertEqual(self.read("k", VersionId=version), b"data")
        self.retain("k", "COMPLIANCE", day(4, 2), VersionId=version)
        self.sim.control("clock", {"set": "2027-04-01T12:00:00Z"})
        with self.refused("AccessDenied", 403):
            self.delete("k", version)
        self.sim.control("clock", {"set": "2027-04-02T00:00:00Z"})
        self.delete("k", version)

    def test_governance_is_for_those_who_may(self):
        version = self.put_locked("k", "GOVERNANCE", day(4, 1))
        with self.refused("AccessDenied", 403):
            self.delete("k", version)
        with self.refused("AccessDenied", 403):
            self.retain("k", "GOVERNANCE", day(3, 15))
        self.retain("k", "GOVERNANCE", day(4, 15))
        self.retain("k", "GOVERNANCE", day(3, 15), BypassGovernanceRetention=True)
        self.assertEqual(self.client.get_object_retention(Bucket="ice", Key="k")["Retention"],
                         {"Mode": "GOVERNANCE", "RetainUntilDate": day(3, 15)})
        self.delete("k", version, BypassGovernanceRetention=True)

    def test_legal_hold(self):
        version = self.put("k")["VersionId"]
        hold = lambda status: self.client.put_object_legal_hold(  # noqa: E731
            Bucket="ice", Key="k", LegalHold={"Status": status})
        hold("ON")
        self.assertEqual(self.client.get_object_legal_hold(Bucket="ice", Key="k")["LegalHold"]["Status"], "ON")
        self.assertEqual(self.head("k")["ObjectLockLegalHoldStatus"], "ON")
        with self.refused("AccessDenied", 403):
            self.delete("k", version, BypassGovernanceRetention=True)
        hold("OFF")
        self.delete("k", version)

    def test_a_default_for_the_bucket(self):
        self.assertEqual(self.client.get_object_lock_configuration(Bucket="ice")["ObjectLockConfiguration"],
                         {"ObjectLockEnabled": "Enabled"})
        wanted = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 10}}}
        self.client.put_object_lock_configuration(Bucket="ice", ObjectLockConfiguration=wanted)
        self.assertEqual(self.client.get_object_lock_configuration(Bucket="ice")["ObjectLockConfiguration"], wanted)
        version = self.put("k")["VersionId"]
        self.assertEqual(self.head("k")["ObjectLockRetainUntilDate"].date(), day(3, 11).date())
        with self.refused("AccessDenied", 403):
            self.delete("k", version)
        self.sim.kill()
        self.sim.start()
        self.client = self.connect()
        with self.refused("AccessDenied", 403):
            self.delete("k", version)

    def test_what_is_refused(self):
        with self.refused("InvalidArgument"):
            self.put_locked("k", "COMPLIANCE", day(2, 1))
        self.put("k")
        with self.refused("InvalidArgument"):
            self.retain("k", "GOVERNANCE", day(2, 1))
        with self.refused("NoSuchObjectLockConfiguration", 404):
            self.client.get_object_retention(Bucket="ice", Key="k")
        with self.refused("InvalidBucketState", 409):
            self.client.put_bucket_versioning(Bucket="ice", VersioningConfiguration={"Status": "Suspended"})
        self.client.create_bucket(Bucket="plain")
        with self.refused("ObjectLockConfigurationNotFoundError", 404):
            self.client.get_object_lock_configuration(Bucket="plain")
        with self.refused("InvalidBucketState", 409):
            self.client.put_object_lock_configuration(Bucket="plain",
                                                      ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        self.client.put_object(Bucket="plain", Key="k", Body=b"x")
        with self.refused("InvalidRequest"):
            self.client.put_object_legal_hold(Bucket="plain", Key="k", LegalHold={"Status": "ON"})
        with self.refused("InvalidRequest"):
            self.client.put_object(Bucket="plain", Key="k", Body=b"x", ObjectLockMode="GOVERNANCE",
                                   ObjectLockRetainUntilDate=day(4, 1), ContentMD5="nTO5i3ttMDxjoX3Q1Ixqhw==")


class Lifecycle(ColdTest):
    def set_rules(self, *rules):
        self.client.put_bucket_lifecycle_configuration(Bucket="ice", LifecycleConfiguration={"Rules": [
            {"ID": f"rule{number}", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule}
            for number, rule in enumerate(rules)]})

    def keys(self):
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket="ice").get("Contents", [])]

    def test_the_configuration_itself(self):
        with self.refused("NoSuchLifecycleConfiguration", 404):
            self.client.get_bucket_lifecycle_configuration(Bucket="ice")
        self.set_rules({"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}})
        self.assertEqual(self.client.get_bucket_lifecycle_configuration(Bucket="ice")["Rules"],
                         [{"ID": "rule0", "Status": "Enabled", "Filter": {"Prefix": "logs/"},
                           "Expiration": {"Days": 7}}])
        for rule, code in (({"Expiration": {"Days": 0}}, "InvalidArgument"), ({}, "InvalidRequest"),
                           ({"Transitions": [{"Days": 10, "StorageClass": "STANDARD_IA"}]}, "InvalidArgument"),
                           ({"Transitions": [{"Days": 10, "StorageClass": "COLD"}]}, "MalformedXML"),
                           ({"Transitions": [{"Days": 10, "StorageClass": "GLACIER"}], "Expiration": {"Days": 10}},
                            "InvalidArgument"),
                           ({"Expiration": {"Date": datetime.datetime(2027, 4, 1, 1)}}, "InvalidArgument"),
                           ({"Status": "Perhaps", "Expiration": {"Days": 1}}, "MalformedXML")):
            with self.refused(code):
                self.set_rules(rule)
        self.client.delete_bucket_lifecycle(Bucket="ice")
        with self.refused("NoSuchLifecycleConfiguration", 404):
            self.client.get_bucket_lifecycle_configuration(Bucket="ice")

    def test_objects_expire_at_midnight(self):
        self.put("logs/a")
        self.put("data/a")
        self.set_rules({"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7}})
        self.sim.control("clock", {"set": "2027-03-08T23:59:59Z"})
        self.assertEqual(self.keys(), ["data/a", "logs/a"])
        self.sim.control("clock", {"set": "2027-03-09T00:00:00Z"})
        self.assertEqual(self.keys(), ["data/a"])

    def test_transitions_are_billed(self):
        data = noise(MIB)
        self.put("big", data)
        self.put("small", b"x")
        self.set_rules({"Transitions": [{"Days": 30, "StorageClass": "GLACIER"},
                                        {"Days": 60, "StorageClass": "DEEP_ARCHIVE"}]})
        self.sim.control("clock", {"set": "2027-05-30T00:00:00Z"})  # GLACIER on April 1, DEEP_ARCHIVE on May 1
        self.assertEqual(self.head("big")["StorageClass"], "DEEP_ARCHIVE")
        self.assertNotIn("StorageClass", self.head("small"))
        with self.refused("InvalidObjectState", 403):
            self.read("big")
        lines = self.lines()
        gb, index, name = MIB / GB, 32768 / GB, 8192 / GB
        in_standard = (30 * DAY + 13.5 * HOUR) / DAY / 30  # March 1, 10:30 to April 1
        self.assertAlmostEqual(lines["S3 transitions, GLACIER"], 0.03 / 1000, places=15)
        self.assertAlmostEqual(lines["S3 transitions, DEEP_ARCHIVE"], 0.05 / 1000, places=15)
        self.assertAlmostEqual(lines["S3 storage, GLACIER"], 1 * (gb + index) * 0.0036, places=12)
        self.assertAlmostEqual(lines["S3 early deletion, GLACIER"], 2 * ((gb + index) * 0.0036 + name * 0.023),
                               places=12)
        self.assertAlmostEqual(lines["S3 storage, DEEP_ARCHIVE"], 29 / 30 * (gb + index) * 0.00099, places=12)
        small = 1 / GB * (89 * DAY + 13.5 * HOUR) / DAY / 30
        self.assertAlmostEqual(lines["S3 storage, STANDARD"], (gb * in_standard + small) * 0.023, places=12)
        before = self.sim.bill()
        self.sim.kill()
        self.sim.start()
        self.assertEqual(self.sim.bill(), before)

    def test_versions_that_are_no_longer_current(self):
        self.client.put_bucket_versioning(Bucket="ice", VersioningConfiguration={"Status": "Enabled"})
        versions = [self.put("k", bytes([i]))["VersionId"] for i in range(4)]
        self.set_rules({"NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 1}})
        self.sim.advance(10 * DAY)
        self.assertEqual([entry["VersionId"] for entry in
                          self.client.list_object_versions(Bucket="ice")["Versions"]], versions[:1:-1])
        self.set_rules({"Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
        self.sim.advance(10 * DAY)
        self.assertNotIn("Versions", self.client.list_object_versions(Bucket="ice"))
        self.assertNotIn("DeleteMarkers", self.client.list_object_versions(Bucket="ice"), "they go when alone")

    def test_a_lock_is_stronger(self):
        self.client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        self.client.put_object(Bucket="locked", Key="k", Body=b"data", ContentMD5="jXd/OF09/siBXSD3SWAm3A==",
                               ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=day(4, 1))
        self.client.put_bucket_lifecycle_configuration(Bucket="locked", LifecycleConfiguration={"Rules": [
            {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1},
             "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}]})
        self.sim.control("clock", {"set": "2027-03-31T00:00:00Z"})
        listed = self.client.list_object_versions(Bucket="locked")
        self.assertEqual((len(listed["Versions"]), len(listed["DeleteMarkers"])), (1, 1))
        self.sim.control("clock", {"set": "2027-04-01T00:00:00Z"})
        self.assertNotIn("Versions", self.client.list_object_versions(Bucket="locked"))


class Settings(ColdTest):
    def test_tags(self):
        self.put("k", Tagging="set=home&kind=full")
        tags = lambda: {tag["Key"]: tag["Value"] for tag in  # noqa: E731
                        self.client.get_object_tagging(Bucket="ice", Key="k")["TagSet"]}
        self.assertEqual(tags(), {"set": "home", "kind": "full"})
        self.client.put_object_tagging(Bucket="ice", Key="k", Tagging={"TagSet": [{"Key": "a b", "Value": "ü&<"}]})
        self.assertEqual(tags(), {"a b": "ü&<"})
        self.client.delete_object_tagging(Bucket="ice", Key="k")
        self.assertEqual(tags(), {})
        with self.refused("InvalidTag"):
            self.client.put_object_tagging(Bucket="ice", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "1"}] * 2})
        with self.refused("NoSuchTagSet", 404):
            self.client.get_bucket_tagging(Bucket="ice")
        self.client.put_bucket_tagging(Bucket="ice", Tagging={"TagSet": [{"Key": "of", "Value": "me"}]})
        self.assertEqual(self.client.get_bucket_tagging(Bucket="ice")["TagSet"], [{"Key": "of", "Value": "me"}])
        self.client.delete_bucket_tagging(Bucket="ice")

    def test_encryption_and_public_access(self):
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
        get = lambda: self.client.get_bucket_encryption(Bucket="ice")["ServerSideEncryptionConfiguration"]  # noqa: E731
        self.assertEqual(get(), {"Rules": [rule]})
        rule["ApplyServerSideEncryptionByDefault"] = {"SSEAlgorithm": "aws:kms"}
        self.client.put_bucket_encryption(Bucket="ice", ServerSideEncryptionConfiguration={"Rules": [rule]})
        self.assertEqual(get(), {"Rules": [rule]})
        self.client.delete_bucket_encryption(Bucket="ice")
        block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True,
                 "RestrictPublicBuckets": True}
        with self.refused("NoSuchPublicAccessBlockConfiguration", 404):
            self.client.get_public_access_block(Bucket="ice")
        self.client.put_public_access_block(Bucket="ice", PublicAccessBlockConfiguration=block)
        self.assertEqual(self.client.get_public_access_block(Bucket="ice")["PublicAccessBlockConfiguration"], block)
        self.client.delete_public_access_block(Bucket="ice")

    def test_the_policy_of_a_bucket(self):
        with self.refused("NoSuchBucketPolicy", 404):
            self.client.get_bucket_policy(Bucket="ice")
        policy = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::ice/closed/*"}]})
        self.client.put_bucket_policy(Bucket="ice", Policy=policy)
        self.assertEqual(self.client.get_bucket_policy(Bucket="ice")["Policy"], policy)
        self.put("open/k")
        with self.refused("AccessDenied", 403) as raised:
            self.put("closed/k")
        self.assertIn("with an explicit deny in a resource-based policy", str(raised.exception))
        for bad in ("{}", "{", policy.replace("ice/", "other/"), policy.replace('"Principal": "*", ', "")):
            with self.refused("MalformedPolicy"):
                self.client.put_bucket_policy(Bucket="ice", Policy=bad)
        self.client.delete_bucket_policy(Bucket="ice")
        self.put("closed/k")


if __name__ == "__main__":
    unittest.main()
