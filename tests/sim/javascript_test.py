"""Amazon's JavaScript SDK: uploads at once and in parts, jobs, downloads. Where node is there and finds the npm package
@aws-sdk/client-glacier (NODE_PATH)."""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import simulator
from client import VaultTest, tree_hash
from simulator import KEY, MIB, REGION, SECRET, noise

NODE = shutil.which("node")
if not NODE:
    simulator.skip_all("node is not installed")
if subprocess.run([NODE, "-e", 'require.resolve("@aws-sdk/client-glacier")'], capture_output=True,
                  check=False).returncode != 0:
    simulator.skip_all("node does not find @aws-sdk/client-glacier: npm install it somewhere, and say NODE_PATH=…/node_modules")


class JavaScript(VaultTest):
    def test_up_and_down(self):
        data = noise(3 * MIB + 7)
        path = pathlib.Path(self.home, "data")
        path.write_bytes(data)
        environment = {"PATH": os.environ["PATH"], "NODE_PATH": os.environ.get("NODE_PATH", ""), "HOME": self.home,
                       "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}
        script = pathlib.Path(__file__).with_suffix(".js")
        done = subprocess.run([NODE, script, self.sim.url, path, tree_hash(data)], env=environment, capture_output=True,
                              text=True, timeout=simulator.TIMEOUT_SEC * 3, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout), {
            "single": tree_hash(data), "parts": 4, "same": [True, True], "descriptions": ["at once", "in parts"],
            "listed": 3, "refused": "InvalidSignatureException"})


if __name__ == "__main__":
    unittest.main()
