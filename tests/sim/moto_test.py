"""icecore against the vaults of moto, a server that is not ours: single uploads and inventories, which is what they can do
(their jobs for archives say that an archive has no bytes, and parts they do not know). Where some python3 has moto."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import simulator
from moto_server import PYTHON, MotoServer
from simulator import KEY, REGION, SECRET, noise

# Jobs, which take moto seconds, are done at once.
QUICK_JOBS = """
import moto.glacier.models as models
begin = models.Job.__init__
def begin_and_end(self, tier):
    begin(self, tier)
    self.et = self.st
models.Job.__init__ = begin_and_end
"""


class Moto(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.server = MotoServer(QUICK_JOBS)
        self.addCleanup(self.server.end)
        (self.home / "data").mkdir()
        (self.home / "data/noise").write_bytes(noise(500_000))
        (self.home / "icecore.toml").write_text(
            f'[[set]]\nname = "home"\ndata = "{self.home}/data"\nbackup = "{self.home}/backup"\n[set.target]\n'
            f'type = "glacier"\nvault = "photos"\nregion = "{REGION}"\nhost = "attic"\n'
            f'endpoint = "{self.server.url}"\n', encoding="utf-8")

    def icecore(self, *arguments, statuses=(0,)):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_ACCESS_KEY_ID": KEY,
                       "AWS_SECRET_ACCESS_KEY": SECRET, "ICECORE_CONFIG": f"{self.home}/icecore.toml",
                       "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1"}
        ran = subprocess.run([os.environ["ICECORE"], *arguments], env=environment, capture_output=True, text=True,
                             timeout=simulator.TIMEOUT_SEC, check=False)
        self.assertIn(ran.returncode, statuses, ran.stdout + ran.stderr)
        return ran

    def test_what_is_stored_is_listed(self):
        create = [PYTHON, "-c", "import boto3, sys; boto3.client('glacier', endpoint_url=sys.argv[1], "
                  "region_name='us-east-1', aws_access_key_id='k', aws_secret_access_key='s')"
                  ".create_vault(vaultName='photos')"]
        subprocess.run([*create, self.server.url], check=True, timeout=simulator.TIMEOUT_SEC)
        # Nothing is known to be stored and the vault says that it has an inventory: that is looked at first, and
        # may or may not be there at once.
        self.icecore("backup", "--no-upload")
        self.icecore("upload", statuses=(0, 75))
        self.icecore("upload")
        (self.home / "data/more").write_text("more", encoding="utf-8")
        self.icecore("backup")
        self.icecore("verify", "--remote")
        found = json.loads(self.icecore("recover", "--list", "--json").stdout)["found"]
        self.assertEqual([(one["host"], one["set"], one["runs"], one["files"]) for one in found],
                         [("attic", "home", 2, 6)])


if __name__ == "__main__":
    unittest.main()
