"""The commands of doc/simulator.md, "To rehearse a disaster", as they stand there: icecore loses everything but a vault."""
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import simulator

PAGE = pathlib.Path(__file__).parents[2] / "doc" / "simulator.md"


def commands():
    """The indented block of the section."""
    section = PAGE.read_text(encoding="utf-8").partition("## To rehearse a disaster\n")[2]
    return re.search(r"(?:^    .*\n)+", section, re.MULTILINE).group().replace("\n    ", "\n").removeprefix("    ")


class Rehearsal(simulator.SimulatorTest):
    options = ("--time-scale", "36000", "--credentials", "rehearsal:not-a-secret")

    def test_what_was_backed_up_comes_back(self):
        start, _, script = commands().partition("\n")
        self.assertTrue(start.startswith("icecore-sim "), start)  # that is done: on another port, ten times as fast
        self.assertNotIn("9100", script.replace("127.0.0.1:9100", ""))
        script = script.replace("127.0.0.1:9100", self.sim.address).replace("/tmp/rehearsal", self.home)
        script = script.replace("rm -r ", f"cp -r {self.home}/data {self.home}/before\nrm -r ")
        programs = os.path.dirname(os.environ["ICECORE"])
        environment = {"PATH": programs + ":" + os.environ["PATH"], "HOME": self.home, "AWS_PAGER": "",
                       "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1"}
        done = subprocess.run(["sh", "-euc", script], env=environment, capture_output=True, text=True,
                              timeout=simulator.TIMEOUT_SEC * 3, cwd=self.home)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        subprocess.run(["diff", "-r", "--no-dereference", f"{self.home}/before", f"{self.home}/restored"], check=True)
        self.assertIn("retrieval, Bulk", done.stdout)
        requests = self.sim.bill()["requests"]
        self.assertGreaterEqual(requests["UploadArchive"], 3)  # volume, manifest, log
        self.assertGreaterEqual(requests["InitiateJob"], 2)


for tool in ("aws", "curl"):
    if not shutil.which(tool):
        simulator.skip_all(tool + " is not installed")
if not os.path.isdir("/usr/share/doc/bash"):
    simulator.skip_all("there is no /usr/share/doc/bash to back up")

if __name__ == "__main__":
    unittest.main()
