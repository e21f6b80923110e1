"""icecore against the S3 of moto, a server that is not ours: what it stores in DEEP_ARCHIVE is frozen there, thawed by
RestoreObject, and comes back. Where some python3 has moto."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

import simulator
from moto_server import MotoServer
from simulator import KEY, MIB, REGION, SECRET, noise


class MotoS3(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.server = MotoServer()
        self.addCleanup(self.server.end)
        # A restore takes two looks at the object.
        self.ask("moto-api/state-manager/set-transition",
                 {"model_name": "s3::keyrestore", "transition": {"progression": "manual", "times": 2}})
        (self.home / "data").mkdir()
        (self.home / "data/noise").write_bytes(noise(20 * MIB))
        (self.home / "icecore.toml").write_text(
            f'[[set]]\nname = "home"\ndata = "{self.home}/data"\nbackup = "{self.home}/backup"\n[set.target]\n'
            f'type = "s3"\nbucket = "ice"\nprefix = "p"\nregion = "{REGION}"\nhost = "attic"\npath_style = true\n'
            f'storage_class = "DEEP_ARCHIVE"\nhot_class = "STANDARD"\npart_size = "8MiB"\n'
            f'endpoint = "{self.server.url}"\n', encoding="utf-8")
        self.ask("ice", method="PUT")

    def ask(self, path, order=None, method="POST"):
        request = urllib.request.Request(f"{self.server.url}/{path}", method=method,
                                         data=None if order is None else json.dumps(order).encode())
        if order is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=simulator.TIMEOUT_SEC) as response:
            return response.read()

    def icecore(self, *arguments, statuses=(0,)):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_ACCESS_KEY_ID": KEY,
                       "AWS_SECRET_ACCESS_KEY": SECRET, "ICECORE_CONFIG": f"{self.home}/icecore.toml",
                       "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1"}
        ran = subprocess.run([os.environ["ICECORE"], *arguments], env=environment, capture_output=True, text=True,
                             timeout=simulator.TIMEOUT_SEC * 2, check=False)
        self.assertIn(ran.returncode, statuses, ran.stdout + ran.stderr)
        return ran

    def test_what_is_stored_cold_is_thawed_and_comes_back(self):
        self.icecore("backup")
        self.icecore("verify", "--remote")
        shutil.rmtree(self.home / "backup")
        self.icecore("recover")
        restore = ("restore", "--from", "remote", "--to", f"{self.home}/restored", "--yes")
        first = self.icecore(*restore, statuses=(75,))
        self.assertIn("1 of 1 volume must be thawed", first.stderr)
        looks = 1
        while self.icecore(*restore, statuses=(0, 75)).returncode == 75:
            looks += 1
            self.assertLess(looks, 20, "it never thaws")
        self.assertEqual((self.home / "restored/noise").read_bytes(), noise(20 * MIB))


if __name__ == "__main__":
    unittest.main()
