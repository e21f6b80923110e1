"""The server of moto, in whichever python3 has it."""
import glob
import os
import shutil
import subprocess
import sys

import simulator

# Prints its port, and runs until its standard input ends.
SERVER = """
import sys
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def python_with_moto():
    installed = glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python3"))
    for python in (sys.executable, shutil.which("python3"), *installed):
        if python and subprocess.run([python, "-c", "import moto.server"], capture_output=True, check=False).returncode == 0:
            return python
    return simulator.skip_all("no python3 has moto with its server")


PYTHON = python_with_moto()


class MotoServer:
    """A process; `before` is Python that it executes first."""

    def __init__(self, before=""):
        self.process = subprocess.Popen([PYTHON, "-c", before + SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.url = "http://127.0.0.1:" + self.process.stdout.readline().strip()

    def end(self):
        self.process.stdin.close()
        self.process.wait(simulator.TIMEOUT_SEC)
        self.process.stdout.close()
