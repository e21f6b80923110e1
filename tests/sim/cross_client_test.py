"""icecore and clients that are not ours, against the same vault: each brings back what the other has stored."""
import io
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import client
import simulator
from aws import AwsTest
from simulator import DAY, HOUR, KEY, MIB, REGION, SECRET, noise

PART = 32 * MIB
SIZE = 104 * MIB  # above 100 MiB an archive goes out in parts


class CrossClient(AwsTest):
    """A set "home" of one file that makes a volume of SIZE and a little, on the machine "attic"."""

    def setUp(self):
        super().setUp()
        self.boto = client.glacier(self.sim)
        self.addCleanup(self.boto.close)
        self.boto.create_vault(vaultName="photos")
        self.backup = pathlib.Path(self.home, "backup")
        self.data = pathlib.Path(self.home, "data")
        self.data.mkdir()
        self.data.joinpath("noise").write_bytes(noise(SIZE))
        pathlib.Path(self.home, "icecore.toml").write_text(
            f'[[set]]\nname = "home"\ndata = "{self.data}"\nbackup = "{self.backup}"\ncompression = "none"\n'
            f'[set.target]\ntype = "glacier"\nvault = "photos"\nregion = "{REGION}"\nhost = "attic"\n'
            f'endpoint = "{self.sim.url}"\n', encoding="utf-8")

    def icecore(self, *arguments, **environment):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "AWS_ACCESS_KEY_ID": KEY,
                       "AWS_SECRET_ACCESS_KEY": SECRET, "ICECORE_CONFIG": self.home + "/icecore.toml",
                       "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1", **environment}
        return subprocess.run([os.environ["ICECORE"], *arguments], env=environment, capture_output=True, text=True,
                              timeout=simulator.TIMEOUT_SEC * 3)

    def done(self, *arguments):
        """Runs it until it no longer says "run me again", with hours between."""
        for _ in range(10):
            ran = self.icecore(*arguments)
            if ran.returncode != 75:
                self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
                return
            self.sim.advance(12 * HOUR)
        self.fail(ran.stderr)

    def files(self):
        """What a run has made, the volume first."""
        files = sorted(path for path in self.backup.iterdir() if path.name.startswith("home-"))
        return sorted(files, key=lambda path: not path.name.endswith(".tar"))

    def inventory(self):
        """Archive ids by description."""
        self.sim.advance(2 * DAY)
        job = self.boto.initiate_job(vaultName="photos", jobParameters={"Type": "inventory-retrieval"})["jobId"]
        self.sim.advance(5 * HOUR)
        text = self.boto.get_job_output(vaultName="photos", jobId=job)["body"].read()
        return {entry["ArchiveDescription"]: entry["ArchiveId"] for entry in json.loads(text)["ArchiveList"]}

    def test_what_icecore_stored_in_parts(self):
        ran = self.icecore("backup")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertGreater(self.sim.bill()["requests"]["UploadMultipartPart"], 6)
        volume = self.files()[0]
        archive = self.inventory()[f"attic/home/{volume.name}"]
        job = self.boto.initiate_job(vaultName="photos", jobParameters={
            "Type": "archive-retrieval", "ArchiveId": archive, "Tier": "Expedited"})["jobId"]
        self.sim.advance(HOUR)
        content = volume.read_bytes()
        reply = self.boto.get_job_output(vaultName="photos", jobId=job)
        self.assertEqual(reply["body"].read(), content)
        self.assertEqual(reply["checksum"], client.tree_hash(content))
        self.of_vault("get-job-output", f"--job-id={job}", "out")
        self.assertEqual(self.read("out"), content)

    def bring_back(self):
        """icecore finds all in the vault and restores it."""
        shutil.rmtree(self.backup)
        before = self.data.joinpath("noise").read_bytes()
        shutil.rmtree(self.data)
        self.sim.advance(2 * DAY)
        self.done("recover", "--yes")
        self.done("restore", "--from", "remote", "--yes", "--to", self.home + "/restored")
        self.assertEqual(pathlib.Path(self.home, "restored/noise").read_bytes(), before)

    def test_what_boto3_stored_in_parts(self):
        self.assertEqual(self.icecore("backup", "--no-upload").returncode, 0)
        volume, *others = self.files()
        content = volume.read_bytes()
        upload = self.boto.initiate_multipart_upload(vaultName="photos", partSize=str(PART),
                                                     archiveDescription=f"attic/home/{volume.name}")["uploadId"]
        for first in range(0, len(content), PART):
            part = content[first:first + PART]
            self.boto.upload_multipart_part(vaultName="photos", uploadId=upload, body=io.BytesIO(part),
                                            range=f"bytes {first}-{first + len(part) - 1}/*")
        self.boto.complete_multipart_upload(vaultName="photos", uploadId=upload, archiveSize=str(len(content)),
                                            checksum=client.tree_hash(content))
        for path in others:
            self.boto.upload_archive(vaultName="photos", archiveDescription=f"attic/home/{path.name}",
                                     body=path.read_bytes())
        self.bring_back()

    def test_what_aws_stored_in_parts(self):
        self.assertEqual(self.icecore("backup", "--no-upload").returncode, 0)
        volume, *others = self.files()
        content = volume.read_bytes()
        upload = self.of_vault("initiate-multipart-upload", "--part-size", str(PART), "--archive-description",
                               f"attic/home/{volume.name}")["uploadId"]
        for first in range(0, len(content), PART):
            part = content[first:first + PART]
            self.of_vault("upload-multipart-part", f"--upload-id={upload}", "--body", self.file("part", part),
                          "--range", f"bytes {first}-{first + len(part) - 1}/*")
        self.of_vault("complete-multipart-upload", f"--upload-id={upload}", "--archive-size", str(len(content)),
                      "--checksum", client.tree_hash(content))
        for path in others:
            self.of_vault("upload-archive", "--archive-description", f"attic/home/{path.name}", "--body", str(path))
        self.bring_back()

    def test_wrong_keys(self):
        self.assertEqual(self.icecore("backup", "--no-upload").returncode, 0)
        for environment, message in (({"AWS_SECRET_ACCESS_KEY": "wrong"}, "does not accept the signature"),
                                     ({"AWS_ACCESS_KEY_ID": "AKIDOTHER"}, "does not know the access key")):
            ran = self.icecore("upload", **environment)
            self.assertEqual(ran.returncode, 1)
            self.assertIn(message, ran.stderr)
            self.assertNotEqual(self.run_aws("list-vaults", **environment).returncode, 0)
        self.assertNotIn("UploadArchive", self.sim.bill()["requests"])
        self.assertNotIn("InitiateMultipartUpload", self.sim.bill()["requests"])


if __name__ == "__main__":
    unittest.main()
