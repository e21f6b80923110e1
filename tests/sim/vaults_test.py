"""Vaults and what belongs to them, by boto3: tags, notifications, policies, lock, capacity; inventories."""
import csv
import io
import json
import unittest

from botocore.exceptions import ClientError

from client import VaultTest, tree_hash
from simulator import DAY, HOUR, noise

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "glacier:*", "Resource": "*"}]})


def keep_days(days):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "keep", "Effect": "Deny", "Principal": "*", "Action": "glacier:DeleteArchive",
         "Resource": "arn:aws:glacier:us-east-1:123456789012:vaults/photos",
         "Condition": {"NumericLessThan": {"glacier:ArchiveAgeInDays": str(days)}}}]})


class Vaults(VaultTest):
    def test_creating_twice_is_once(self):
        reply = self.client.create_vault(vaultName="photos")
        self.assertEqual(reply["location"], "/123456789012/vaults/photos")
        self.assertEqual(len(self.client.list_vaults()["VaultList"]), 1)

    def test_describing(self):
        description = self.client.describe_vault(vaultName="photos")
        self.assertEqual(description["VaultARN"], "arn:aws:glacier:us-east-1:123456789012:vaults/photos")
        self.assertEqual(description["VaultName"], "photos")
        for counted in ("LastInventoryDate", "NumberOfArchives", "SizeInBytes"):
            self.assertIsNone(description.get(counted))  # null before the first inventory
        with self.refused("ResourceNotFoundException", 404):
            self.client.describe_vault(vaultName="nothing")

    def test_the_account_by_its_number(self):
        self.client.describe_vault(accountId="123456789012", vaultName="photos")
        with self.refused("AccessDeniedException", 403):
            self.client.describe_vault(accountId="210987654321", vaultName="photos")

    def test_names(self):
        for name in ("a", "A.b_c-9", "n" * 255):
            self.client.create_vault(vaultName=name)
        for name in ("n" * 256, "with blank", "ümlaut"):
            with self.subTest(name=name), self.refused("InvalidParameterValueException"):
                self.client.create_vault(vaultName=name)

    def test_lists_come_in_pages_in_order(self):
        names = sorted([f"v{i:02}" for i in range(24)] + ["photos"])
        for name in names:
            self.client.create_vault(vaultName=name)
        pages = [[vault["VaultName"] for vault in page["VaultList"]]
                 for page in self.client.get_paginator("list_vaults").paginate()]
        self.assertEqual([len(page) for page in pages], [10, 10, 5])
        self.assertEqual([name for page in pages for name in page], names)
        self.assertEqual(len(self.client.list_vaults(limit="1000")["VaultList"]), 10)
        for limit in ("0", "1001", "-1", "x"):
            with self.subTest(limit=limit), self.refused("InvalidParameterValueException"):
                self.client.list_vaults(limit=limit)

    def test_only_a_vault_that_is_empty_as_of_its_inventory_is_deleted(self):
        archive = self.upload(b"x")
        with self.refused("InvalidParameterValueException"):
            self.client.delete_vault(vaultName="photos")
        self.sim.advance(DAY)
        with self.refused("InvalidParameterValueException"):
            self.client.delete_vault(vaultName="photos")
        self.client.delete_archive(vaultName="photos", archiveId=archive)
        with self.refused("InvalidParameterValueException"):
            self.client.delete_vault(vaultName="photos")
        self.sim.advance(DAY)
        for _ in range(2):
            self.client.delete_vault(vaultName="photos")
        self.assertEqual(self.client.list_vaults()["VaultList"], [])


class Settings(VaultTest):
    def test_tags(self):
        self.client.add_tags_to_vault(vaultName="photos", Tags={"owner": "me", "set": "home"})
        self.client.add_tags_to_vault(vaultName="photos", Tags={"owner": "you"})
        self.client.remove_tags_from_vault(vaultName="photos", TagKeys=["set", "never"])
        self.assertEqual(self.client.list_tags_for_vault(vaultName="photos")["Tags"], {"owner": "you"})
        with self.refused("LimitExceededException"):
            self.client.add_tags_to_vault(vaultName="photos", Tags={f"tag{i}": "" for i in range(51)})
        self.assertEqual(self.client.list_tags_for_vault(vaultName="photos")["Tags"], {"owner": "you"})

    def test_notifications(self):
        with self.refused("ResourceNotFoundException", 404):
            self.client.get_vault_notifications(vaultName="photos")
        wanted = {"SNSTopic": "arn:aws:sns:us-east-1:123456789012:done",
                  "Events": ["ArchiveRetrievalCompleted", "InventoryRetrievalCompleted"]}
        self.client.set_vault_notifications(vaultName="photos", vaultNotificationConfig=wanted)
        self.assertEqual(self.client.get_vault_notifications(vaultName="photos")["vaultNotificationConfig"], wanted)
        with self.refused("InvalidParameterValueException"):
            self.client.set_vault_notifications(vaultName="photos", vaultNotificationConfig={**wanted, "Events": ["x"]})
        self.client.delete_vault_notifications(vaultName="photos")
        with self.refused("ResourceNotFoundException", 404):
            self.client.get_vault_notifications(vaultName="photos")

    def test_access_policy(self):
        with self.refused("ResourceNotFoundException", 404):
            self.client.get_vault_access_policy(vaultName="photos")
        self.client.set_vault_access_policy(vaultName="photos", policy={"Policy": POLICY})
        self.assertEqual(self.client.get_vault_access_policy(vaultName="photos")["policy"]["Policy"], POLICY)
        with self.refused("InvalidParameterValueException"):
            self.client.set_vault_access_policy(vaultName="photos", policy={"Policy": "no JSON"})
        self.client.delete_vault_access_policy(vaultName="photos")
        with self.refused("ResourceNotFoundException", 404):
            self.client.get_vault_access_policy(vaultName="photos")

    def test_data_retrieval_policy(self):
        self.client.get_data_retrieval_policy()
        wanted = {"Rules": [{"Strategy": "BytesPerHour", "BytesPerHour": 5000}]}
        self.client.set_data_retrieval_policy(Policy=wanted)
        self.assertEqual(self.client.get_data_retrieval_policy()["Policy"], wanted)
        archive = self.upload(noise(3000))
        self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        with self.refused("PolicyEnforcedException"):
            self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        self.begin_job(Type="archive-retrieval", ArchiveId=archive, Tier="Bulk")
        self.sim.advance(HOUR + 1)
        self.begin_job(Type="archive-retrieval", ArchiveId=archive)
        for rules in ([], [{"Strategy": "Never"}], [{"Strategy": "None", "BytesPerHour": 1}],
                      [{"Strategy": "None"}, {"Strategy": "FreeTier"}]):
            with self.subTest(rules=rules), self.refused("InvalidParameterValueException"):
                self.client.set_data_retrieval_policy(Policy={"Rules": rules})

    def test_provisioned_capacity(self):
        units = [self.client.purchase_provisioned_capacity()["capacityId"] for _ in range(2)]
        with self.refused("LimitExceededException"):
            self.client.purchase_provisioned_capacity()
        listed = self.client.list_provisioned_capacity()["ProvisionedCapacityList"]
        self.assertEqual(sorted(unit["CapacityId"] for unit in listed), sorted(units))
        self.sim.advance(32 * DAY)
        self.assertEqual(self.client.list_provisioned_capacity()["ProvisionedCapacityList"], [])


class Lock(VaultTest):
    def lock(self):
        return self.client.get_vault_lock(vaultName="photos")

    def begin(self, days=365):
        return self.client.initiate_vault_lock(vaultName="photos", policy={"Policy": keep_days(days)})["lockId"]

    def test_what_is_locked_stays(self):
        with self.refused("ResourceNotFoundException", 404):
            self.lock()
        archive = self.upload(b"x")
        lock = self.begin(2)
        self.assertEqual(self.lock()["State"], "InProgress")
        self.assertEqual(self.lock()["Policy"], keep_days(2))
        with self.refused("AccessDeniedException", 403):
            self.begin()
        with self.refused("InvalidParameterValueException"):
            self.client.complete_vault_lock(vaultName="photos", lockId="of-something-else")
        self.client.complete_vault_lock(vaultName="photos", lockId=lock)
        self.assertEqual(self.lock()["State"], "Locked")
        with self.assertRaises(ClientError):
            self.client.abort_vault_lock(vaultName="photos")
        self.assertEqual(self.lock()["State"], "Locked")
        with self.refused("AccessDeniedException", 403):
            self.client.delete_archive(vaultName="photos", archiveId=archive)
        self.sim.advance(2 * DAY)
        self.client.delete_archive(vaultName="photos", archiveId=archive)

    def test_aborting_before_completion(self):
        self.begin()
        self.client.abort_vault_lock(vaultName="photos")
        with self.refused("ResourceNotFoundException", 404):
            self.lock()
        self.begin()

    def test_a_day_to_complete(self):
        lock = self.begin()
        self.sim.advance(DAY + 1)
        with self.assertRaises(ClientError):
            self.client.complete_vault_lock(vaultName="photos", lockId=lock)
        with self.refused("ResourceNotFoundException", 404):
            self.lock()


class Inventories(VaultTest):
    def listed(self, **more):
        return [entry["ArchiveDescription"] for entry in self.inventory(**more)["ArchiveList"]]

    def test_it_lags_by_a_day(self):
        with self.refused("ResourceNotFoundException", 404):
            self.begin_job(Type="inventory-retrieval")
        first = self.upload(b"first", "first")
        self.sim.advance(DAY)
        self.upload(b"second", "second")
        self.assertEqual(self.listed(), ["first"])
        self.client.delete_archive(vaultName="photos", archiveId=first)
        self.assertEqual(self.listed()[0], "first")
        self.sim.advance(DAY)
        self.assertEqual(self.listed(), ["second"])
        description = self.client.describe_vault(vaultName="photos")
        self.assertEqual(description["NumberOfArchives"], 1)
        self.assertGreater(description["SizeInBytes"], len(b"second"))

    def test_what_it_says_in_both_forms(self):
        data = {"plain": noise(100), 'with "quotes", commas': noise(200)}
        archives = {name: self.upload(body, name) for name, body in data.items()}
        self.sim.advance(DAY)
        inventory = self.inventory()
        self.assertEqual(inventory["VaultARN"], "arn:aws:glacier:us-east-1:123456789012:vaults/photos")
        self.assertTrue(inventory["InventoryDate"].endswith("Z"))
        entries = {entry["ArchiveDescription"]: entry for entry in inventory["ArchiveList"]}
        self.assertEqual(entries.keys(), data.keys())
        for name, body in data.items():
            self.assertEqual((entries[name]["ArchiveId"], entries[name]["Size"], entries[name]["SHA256TreeHash"]),
                             (archives[name], len(body), tree_hash(body)))
        job = self.begin_job(Type="inventory-retrieval", Format="CSV")
        description = self.finish(job)
        reply = self.output(job)
        self.assertEqual(reply["contentType"], "text/csv")
        text = reply["body"].read().decode()
        self.assertEqual(description["InventorySizeInBytes"], len(text))
        rows = list(csv.DictReader(io.StringIO(text), escapechar="\\", doublequote=False))
        self.assertEqual({row["ArchiveDescription"]: row["ArchiveId"] for row in rows}, archives)

    def test_pages_and_dates(self):
        for i in range(5):
            self.upload(b"x", f"{i}")
            self.sim.advance(HOUR)
        middle = self.sim.control("clock")["now"]
        self.upload(b"x", "5")
        self.sim.advance(DAY)
        self.assertEqual(self.listed(InventoryRetrievalParameters={"EndDate": middle}), list("01234"))
        self.assertEqual(self.listed(InventoryRetrievalParameters={"StartDate": middle}), ["5"])
        seen = []
        marker = {}
        while True:
            job = self.begin_job(Type="inventory-retrieval", InventoryRetrievalParameters={"Limit": "4", **marker})
            description = self.finish(job)
            page = json.loads(self.output(job)["body"].read())["ArchiveList"]
            seen.append([entry["ArchiveDescription"] for entry in page])
            after = description["InventoryRetrievalParameters"].get("Marker")
            if not after:
                break
            marker = {"Marker": after}
        self.assertEqual(seen, [list("0123"), list("45")])
        with self.refused("InvalidParameterValueException"):
            self.begin_job(Type="inventory-retrieval", InventoryRetrievalParameters={"Limit": "0"})

    def test_parts_of_its_output(self):
        self.upload(b"x", "d")
        self.sim.advance(DAY)
        job = self.begin_job(Type="inventory-retrieval")
        self.finish(job)
        whole = self.output(job)["body"].read()
        reply = self.output(job, range="bytes=5-9")
        self.assertEqual((reply["status"], reply["body"].read()), (206, whole[5:10]))
        self.assertIsNone(reply.get("checksum"))


if __name__ == "__main__":
    unittest.main()
