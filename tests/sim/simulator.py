"""Runs icecore-sim for a test and speaks to its control interface. The clients that speak the vault API are not ours."""
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "us-east-1"
ACCOUNT = "123456789012"
MIB = 1 << 20
HOUR = 3600
DAY = 24 * HOUR
TIMEOUT_SEC = 60  # of anything that hangs; no test waits for it


def skip_all(reason):
    """Ends the test program in the way that ctest shows as skipped."""
    print("skipped:", reason)
    sys.exit(77)


def start_argv(*more):
    return [os.environ["ICECORE_SIM"], *more]


class Simulator:
    """A process on a port of the kernel's choice, with its clock frozen unless `options` say otherwise."""

    def __init__(self, data, *options):
        self.data = data
        self.options = options or ("--freeze",)
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            start_argv("--listen", "127.0.0.1:0", "--data", self.data, "--credentials", f"{KEY}:{SECRET}",
                       *self.options), stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.stdout.close()
            raise RuntimeError(f"icecore-sim said {line!r} and ended with {self.process.wait(TIMEOUT_SEC)}")
        self.address = line.split()[-1]
        self.url = "http://" + self.address

    def end(self, how=signal.SIGTERM):
        if self.process.returncode is None:
            self.process.send_signal(how)
            self.process.wait(TIMEOUT_SEC)
            self.process.stdout.close()
        return self.process.returncode

    def kill(self):
        self.end(signal.SIGKILL)

    def control(self, what, order=None, method=None):
        """The parsed answer of /_sim/`what`; `order` is posted. Raises ValueError with the text of a refusal."""
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SEC)
        try:
            body = None if order is None else json.dumps(order)
            connection.request(method or ("GET" if order is None else "POST"), "/_sim/" + what, body)
            response = connection.getresponse()
            text = response.read().decode()
            if response.status != 200:
                raise ValueError(text)
            return json.loads(text) if response.getheader("Content-Type") == "application/json" else text
        finally:
            connection.close()

    def advance(self, seconds):
        return self.control("clock", {"advance_seconds": seconds})

    def faults(self, *orders):
        return self.control("faults", list(orders))

    def bill(self):
        return self.control("bill")

    def usd(self, what):
        lines = [line["usd"] for line in self.bill()["lines"] if line["what"] == what]
        if len(lines) != 1:
            raise KeyError(what)
        return lines[0]


class SimulatorTest(unittest.TestCase):
    """Each test has a simulator of its own: self.sim."""

    options = ("--freeze",)

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.home = directory.name
        self.sim = self.run_simulator(*self.options)

    def run_simulator(self, *options, data=None):
        sim = Simulator(data or os.path.join(self.home, f"data{time.monotonic_ns()}"), *options)
        self.addCleanup(sim.end)
        return sim


def noise(size, seed=1):
    """`size` bytes that are the same for a seed and have no two alike MiB."""
    import random
    return random.Random(seed).randbytes(size)
