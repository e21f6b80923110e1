"""Archives that GNU tar made and `icecore adopt` took over, in a bucket and in a vault: they are stored with their own
bytes, and come back from there alone when the machine, the old directory and all of icecore's files are lost."""
import os
import pathlib
import shutil
import subprocess
import time
import unittest

import client
import s3_client
import simulator

KEYS = {"key": "adopter", "secret": "not-a-secret"}


class AdoptedArchives(simulator.SimulatorTest):
    options = ("--time-scale", "36000", "--credentials", "adopter:not-a-secret")

    def icecore(self, *arguments, status=0):
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "AWS_ACCESS_KEY_ID": "adopter",
                       "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_EC2_METADATA_DISABLED": "true",
                       "no_proxy": "127.0.0.1"}
        done = subprocess.run([os.environ["ICECORE"], "--config", "c.toml", *arguments], env=environment,
                              capture_output=True, text=True, timeout=simulator.TIMEOUT_SEC * 2, cwd=self.home)
        self.assertEqual(done.returncode, status, f"{arguments}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, path, content):
        pathlib.Path(self.home, path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(self.home, path).write_bytes(content)

    def tar(self, *arguments):
        subprocess.run(["tar", "-C", "data", "-g", "old/archive.snar", *arguments, "."], check=True, cwd=self.home)
        shutil.copytree(f"{self.home}/data", f"{self.home}/state{len(os.listdir(self.home + '/old')) - 1}")
        time.sleep(1.1)  # the format keeps whole seconds

    def old_directory(self):
        """Three archives: a move, a deletion, two compressions."""
        os.mkdir(f"{self.home}/old")
        self.write("data/dir/large", simulator.noise(3 * simulator.MIB))
        self.write("data/file", b"one\n")
        self.tar("-czf", "old/home-2019-01-01.tar.gz")
        os.rename(f"{self.home}/data/dir", f"{self.home}/data/moved")
        self.write("data/file", b"two\n")
        self.tar("-czf", "old/home-2019-01-02.tar.gz")
        os.remove(f"{self.home}/data/file")
        self.write("data/third", simulator.noise(simulator.MIB))
        self.tar("-cf", "old/home-2019-01-03.tar")

    def life(self, target):
        self.old_directory()
        self.write("c.toml", f"""
[[set]]
name = "home"
data = "{self.home}/data"
backup = "{self.home}/backup"
[set.target]
{target}
region = "us-east-1"
endpoint = "{self.sim.url}"
host = "nas1"
poll_interval = "1s"
""".encode())
        os.chmod(f"{self.home}/c.toml", 0o600)
        self.icecore("adopt", "old")
        self.icecore("upload")
        self.write("data/fourth", b"by icecore\n")
        self.assertIn("incremental", self.icecore("backup"))
        shutil.copytree(f"{self.home}/data", f"{self.home}/state4")
        self.icecore("verify", "--deep")
        shutil.rmtree(f"{self.home}/old")
        shutil.rmtree(f"{self.home}/backup")

    def all_states_come_back(self):
        for run in ("1", "2", "3", "4"):
            self.icecore("restore", "--from", "remote", "--at", run, "--to", f"back{run}", "--yes", "--wait")
            subprocess.run(["diff", "-r", f"{self.home}/state{run}", f"{self.home}/back{run}"], check=True)

    def test_from_a_bucket(self):
        bucket = s3_client.connect(self.sim, **KEYS)
        self.addCleanup(bucket.close)
        bucket.create_bucket(Bucket="ice")
        self.life('type = "s3"\nbucket = "ice"\nprefix = "backups"\nstorage_class = "DEEP_ARCHIVE"')
        self.assertIn("recovered 4 runs", self.icecore("recover"))
        self.icecore("verify", "--remote")
        self.all_states_come_back()

    def test_from_a_vault(self):
        vaults = client.glacier(self.sim, **KEYS)
        self.addCleanup(vaults.close)
        vaults.create_vault(vaultName="ice")
        self.life('type = "glacier"\nvault = "ice"')
        self.sim.advance(2 * simulator.DAY)  # the inventory lags
        self.assertIn("recovered 4 runs", self.icecore("recover", "--yes", "--wait"))
        self.all_states_come_back()


if __name__ == "__main__":
    unittest.main()
