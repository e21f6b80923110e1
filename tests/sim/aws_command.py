"""Debian's aws, or another one, as a process."""
import os
import shutil
import subprocess

import simulator

AWS = "/usr/bin/aws" if os.access("/usr/bin/aws", os.X_OK) else shutil.which("aws")


def run_aws(sim, home, *words, **environment):
    """Its CompletedProcess; it runs in `home` and does not try again."""
    argv = [AWS, "--endpoint-url", sim.url, *words]
    return subprocess.run(argv, env={
        "PATH": os.environ["PATH"], "HOME": home, "AWS_ACCESS_KEY_ID": simulator.KEY,
        "AWS_SECRET_ACCESS_KEY": simulator.SECRET, "AWS_DEFAULT_REGION": simulator.REGION, "AWS_PAGER": "",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "no_proxy": "127.0.0.1", **environment},
        capture_output=True, text=True, cwd=home, timeout=simulator.TIMEOUT_SEC * 3)
