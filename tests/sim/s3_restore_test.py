"""RestoreObject: states, tiers, times, expiry, and what they cost."""
import datetime
import unittest
import xml.etree.ElementTree as tree

from s3_client import ColdTest, http_request
from simulator import DAY, HOUR, MIB, noise

UTC = datetime.timezone.utc
GB = 1 << 30


class Restore(ColdTest):
    def test_classes_that_can_be_read(self):
        for name in ("STANDARD", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "REDUCED_REDUNDANCY"):
            self.put("warm", StorageClass=name)
            self.assertEqual(self.read("warm"), b"data")
            with self.refused("InvalidObjectState", 403) as raised:
                self.restore("warm")
            self.assertEqual(raised.exception.response["Error"]["StorageClass"], name)
        self.put("warm", StorageClass="INTELLIGENT_TIERING")
        with self.refused("ObjectAlreadyInActiveTierError", 403):
            self.restore("warm")
        with self.refused("NoSuchKey", 404):
            self.restore("other")

    def test_from_archive_to_expiry(self):
        self.put("cold", b"frozen", StorageClass="DEEP_ARCHIVE")
        with self.refused("InvalidObjectState", 403) as raised:
            self.read("cold")
        self.assertEqual(raised.exception.response["Error"]["StorageClass"], "DEEP_ARCHIVE")
        self.assertNotIn("Restore", self.head("cold"))
        self.assertEqual(self.restore("cold", 3, "Bulk"), 202)
        self.assertEqual(self.head("cold")["Restore"], 'ongoing-request="true"')
        with self.refused("InvalidObjectState", 403):
            self.read("cold")
        with self.refused("RestoreAlreadyInProgress", 409):
            self.restore("cold", 3, "Bulk")
        self.sim.advance(48 * HOUR)  # 2027-03-03T10:30:00Z: it was ready a day before at the earliest
        restore = self.head("cold")["Restore"]
        self.assertIn(restore, ('ongoing-request="false", expiry-date="%s"' % when for when in
                                ("Sat, 06 Mar 2027 00:00:00 GMT", "Sun, 07 Mar 2027 00:00:00 GMT")))
        self.assertEqual(self.head("cold")["StorageClass"], "DEEP_ARCHIVE")
        self.assertEqual(self.read("cold"), b"frozen")
        self.sim.control("clock", {"set": "2027-03-05T23:59:59Z"})
        self.assertEqual(self.read("cold"), b"frozen")
        self.sim.control("clock", {"set": "2027-03-07T00:00:00Z"})
        self.assertNotIn("Restore", self.head("cold"))
        with self.refused("InvalidObjectState", 403):
            self.read("cold")
        self.assertEqual(self.restore("cold", 1, "Standard"), 202)

    def test_days_are_counted_anew(self):
        self.put("cold", StorageClass="GLACIER")
        self.restore("cold", 1, "Expedited")
        self.sim.advance(300)
        self.assertIn("Wed, 03 Mar 2027 00:00:00 GMT", self.head("cold")["Restore"])
        self.assertEqual(self.restore("cold", 10), 200)
        self.assertIn("Fri, 12 Mar 2027 00:00:00 GMT", self.head("cold")["Restore"])
        self.assertEqual(self.restore("cold", 2), 200)
        self.assertIn("Thu, 04 Mar 2027 00:00:00 GMT", self.head("cold")["Restore"])
        self.assertEqual(self.read("cold"), b"data")

    def test_a_faster_tier_in_between(self):
        self.put("cold", StorageClass="GLACIER")
        self.assertEqual(self.restore("cold", 2, "Bulk"), 202)
        self.sim.advance(60)
        with self.refused("RestoreAlreadyInProgress", 409):
            self.restore("cold", 5, "Expedited")  # other days
        self.assertEqual(self.restore("cold", 2, "Expedited"), 202)
        with self.refused("RestoreAlreadyInProgress", 409):
            self.restore("cold", 2, "Standard")
        self.sim.advance(300)
        self.assertEqual(self.read("cold"), b"data")
        lines = self.lines()
        self.assertAlmostEqual(lines["S3 restore requests, GLACIER Expedited"], 0.01, places=12)
        self.assertAlmostEqual(lines["S3 restores, GLACIER Expedited"], 4 / GB * 0.03, places=15)

    def test_times_by_tier(self):
        for number, (storage, tier, least, most) in enumerate((
                ("GLACIER", "Expedited", 60, 300), ("GLACIER", "Standard", 3 * HOUR, 5 * HOUR),
                ("GLACIER", "Bulk", 5 * HOUR, 12 * HOUR), ("DEEP_ARCHIVE", "Standard", HOUR, 12 * HOUR),
                ("DEEP_ARCHIVE", "Bulk", 12 * HOUR, 48 * HOUR))):
            key = f"cold{number}"
            self.put(key, StorageClass=storage)
            self.restore(key, 30, tier)
            self.sim.advance(least - 1)
            self.assertIn("true", self.head(key)["Restore"])
            self.sim.advance(most - least + 1)
            self.assertIn("false", self.head(key)["Restore"])

    def test_orders_that_are_refused(self):
        self.put("cold", StorageClass="DEEP_ARCHIVE")
        with self.refused("InvalidArgument"):
            self.restore("cold", 1, "Expedited")
        with self.refused("InvalidArgument"):
            self.restore("cold", 0)
        with self.refused("MalformedXML"):
            self.restore("cold", 1, "Slow")
        with self.refused("MalformedXML"):
            self.client.restore_object(Bucket="ice", Key="cold",
                                       RestoreRequest={"GlacierJobParameters": {"Tier": "Bulk"}})
        self.assertNotIn("Restore", self.head("cold"))
        self.sim.faults({"kind": "error", "operation": "RestoreObject", "status": 503,
                         "code": "GlacierExpeditedRetrievalNotAvailable"})
        with self.refused("GlacierExpeditedRetrievalNotAvailable", 503):
            self.restore("cold")
        self.assertEqual(self.restore("cold"), 202)

    def test_states_of_many_in_one_listing(self):
        listed = lambda: {entry["Key"]: entry for entry in self.list_with_status()}  # noqa: E731
        for key in ("a", "b", "c"):
            self.put(key, StorageClass="GLACIER")
        self.restore("a", 1, "Expedited")
        self.sim.advance(300)
        self.restore("b", 1, "Bulk")
        entries = listed()
        self.assertEqual(entries["a"]["RestoreStatus"],
                         {"IsRestoreInProgress": False,
                          "RestoreExpiryDate": datetime.datetime(2027, 3, 3, tzinfo=UTC)})
        self.assertEqual(entries["b"]["RestoreStatus"], {"IsRestoreInProgress": True})
        self.assertNotIn("RestoreStatus", entries["c"])
        self.assertEqual({entry["StorageClass"] for entry in entries.values()}, {"GLACIER"})

    def list_with_status(self):
        """Debian's boto3 does not know the header, nor what it brings."""
        status, _, body = http_request(self.sim, "GET", "/ice?list-type=2",
                                       headers={"x-amz-optional-object-attributes": "RestoreStatus"})
        self.assertEqual(status, 200, body)
        name = "{http://s3.amazonaws.com/doc/2006-03-01/}"
        out = []
        for node in tree.fromstring(body).iter(name + "Contents"):
            entry = {"Key": node.findtext(name + "Key"), "StorageClass": node.findtext(name + "StorageClass")}
            status = node.find(name + "RestoreStatus")
            if status is not None:
                entry["RestoreStatus"] = {
                    "IsRestoreInProgress": status.findtext(name + "IsRestoreInProgress") == "true"}
                expiry = status.findtext(name + "RestoreExpiryDate")
                if expiry:
                    entry["RestoreStatus"]["RestoreExpiryDate"] = datetime.datetime.strptime(
                        expiry, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
            out.append(entry)
        return out

    def test_a_kill_loses_no_restore(self):
        self.put("cold", StorageClass="GLACIER")
        self.restore("cold", 4, "Standard")
        bill = self.sim.bill()
        self.sim.kill()
        self.sim.start()
        self.client = self.connect()
        self.assertEqual(self.head("cold")["Restore"], 'ongoing-request="true"')
        self.assertEqual(self.sim.bill()["s3_restores"], bill["s3_restores"])
        self.sim.advance(5 * HOUR)
        self.assertEqual(self.read("cold"), b"data")

    def test_a_bill_to_the_cent(self):
        data = noise(MIB)
        self.put("a", data, StorageClass="DEEP_ARCHIVE")
        self.put("b", data, StorageClass="GLACIER_IR")
        self.sim.control("clock", {"set": "2027-03-31T10:30:00Z"})  # a month of 30 days
        self.restore("a", 5, "Bulk")
        self.sim.advance(48 * HOUR)
        self.head("a")
        self.assertEqual(self.read("a"), data)
        self.assertEqual(self.read("b"), data)
        self.sim.control("clock", {"set": "2027-04-30T10:30:00Z"})  # and another
        months = 2
        gb = MIB / GB
        lines = self.lines()
        copy = lines.pop("S3 storage of restored copies")
        expected = {
            "S3 put requests, STANDARD": 0.005 / 1000,  # CreateBucket
            "S3 put requests, DEEP_ARCHIVE": 0.05 / 1000,
            "S3 get requests, DEEP_ARCHIVE": 2 * 0.0004 / 1000,  # HEAD and GET
            "S3 storage, DEEP_ARCHIVE": months * (gb + 32768 / GB) * 0.00099,
            "S3 storage of names, DEEP_ARCHIVE": months * 8192 / GB * 0.023,
            "S3 restore requests, DEEP_ARCHIVE Bulk": 0.025 / 1000,
            "S3 restores, DEEP_ARCHIVE Bulk": gb * 0.0025,
            "S3 put requests, GLACIER_IR": 0.02 / 1000,
            "S3 get requests, GLACIER_IR": 0.01 / 1000,
            "S3 storage, GLACIER_IR": months * gb * 0.004,
            "S3 retrieval, GLACIER_IR": gb * 0.03,
        }
        self.assertEqual(set(lines), set(expected))
        for what, usd in expected.items():
            self.assertAlmostEqual(lines[what], usd, places=15, msg=what)
        # It could be read from 24 to 48 hours after the order until the midnight after five days more.
        self.assertGreater(copy, gb * 5 / 30 * 0.023)
        self.assertLess(copy, gb * 6 / 30 * 0.023)
        self.assertEqual(self.sim.bill()["egress_bytes"], {"2027-04": 2 * MIB})

    def test_early_deletion_and_overwriting(self):
        self.put("a", noise(MIB), StorageClass="DEEP_ARCHIVE")
        self.sim.advance(30 * DAY)
        self.put("a", b"new", StorageClass="STANDARD")
        month = (MIB + 32768) / GB * 0.00099 + 8192 / GB * 0.023
        self.assertAlmostEqual(self.usd("S3 early deletion, DEEP_ARCHIVE"), 5 * month, places=15)


if __name__ == "__main__":
    unittest.main()
