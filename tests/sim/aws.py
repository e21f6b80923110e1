"""Debian's aws pointed at the simulator."""
import json
import os

import simulator
from aws_command import AWS, run_aws
from simulator import SimulatorTest

if not AWS:
    simulator.skip_all("awscli is not installed")


class AwsTest(SimulatorTest):
    """self.aws and self.of_vault run it; files are in self.home."""

    def run_aws(self, operation, *arguments, **environment):
        return run_aws(self.sim, self.home, "glacier", operation, "--account-id", "-", *arguments, **environment)

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
