"""Debian's aws pointed at the simulator."""
import json
import os
import shutil
import subprocess

import simulator
from simulator import KEY, REGION, SECRET, SimulatorTest

AWS = "/usr/bin/aws" if os.access("/usr/bin/aws", os.X_OK) else shutil.which("aws")
if not AWS:
    simulator.skip_all("awscli is not installed")


class AwsTest(SimulatorTest):
    """self.aws and self.of_vault run it; files are in self.home."""

    def setUp(self):
        super().setUp()
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "AWS_ACCESS_KEY_ID": KEY,
                            "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "",
                            "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "no_proxy": "127.0.0.1"}

    def run_aws(self, operation, *arguments, **environment):
        argv = [AWS, "--endpoint-url", self.sim.url, "glacier", operation, "--account-id", "-", *arguments]
        return subprocess.run(argv, env={**self.environment, **environment}, capture_output=True, text=True,
                              cwd=self.home, timeout=simulator.TIMEOUT_SEC * 3)

    def aws(self, operation, *arguments):
        done = self.run_aws(operation, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def of_vault(self, operation, *arguments):
        return self.aws(operation, "--vault-name", "photos", *arguments)

    def file(self, name, data):
        path = os.path.join(self.home, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def read(self, name):
        with open(os.path.join(self.home, name), "rb") as file:
            return file.read()
