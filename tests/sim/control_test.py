"""The control interface of the simulator and its command line."""
import json
import subprocess
import unittest
import urllib.request

from simulator import DAY, SimulatorTest, TIMEOUT_SEC, start_argv


class Clock(SimulatorTest):
    def test_a_frozen_clock_stands_and_moves_on_order(self):
        begin = self.sim.control("clock")
        self.assertTrue(begin["frozen"])
        self.assertEqual(self.sim.control("clock"), begin)
        self.assertEqual(self.sim.control("clock", {"set": "2040-01-02T03:04:05Z"})["now"], "2040-01-02T03:04:05Z")
        self.assertEqual(self.sim.advance(DAY)["now"], "2040-01-03T03:04:05Z")
        with self.assertRaisesRegex(ValueError, "forward"):
            self.sim.control("clock", {"set": "2040-01-01T00:00:00Z"})
        for order in ({"advance": 1}, {"advance_seconds": -1}, {"scale": "fast"}, {}, []):
            with self.subTest(order=order), self.assertRaises(ValueError):
                self.sim.control("clock", order)
        self.assertEqual(self.sim.control("clock")["now"], "2040-01-03T03:04:05Z")

    def test_it_stands_over_restarts(self):
        before = self.sim.advance(12345)
        self.sim.kill()
        self.sim.start()
        self.assertEqual(self.sim.control("clock"), before)

    def test_a_running_clock_goes_on(self):
        sim = self.run_simulator("--time-scale", "3600")
        state = sim.control("clock")
        self.assertEqual((state["scale"], state["frozen"]), (3600, False))
        later = state
        while later["now"] == state["now"]:
            later = sim.control("clock")
        self.assertGreater(later["now"], state["now"])
        self.assertTrue(sim.control("clock", {"frozen": True})["frozen"])


class Control(SimulatorTest):
    def test_health_and_what_is_not_there(self):
        self.assertEqual(self.sim.control("health"), {"status": "ok"})
        for what, method in (("nothing", "GET"), ("clock", "PUT"), ("bill", "POST"), ("faults", "PATCH")):
            with self.subTest(what=what), self.assertRaises(ValueError):
                self.sim.control(what, method=method)

    def test_the_bill_for_people(self):
        with urllib.request.urlopen(self.sim.url + "/_sim/bill?format=text", timeout=TIMEOUT_SEC) as reply:
            self.assertEqual(reply.headers["Content-Type"], "text/plain")
            text = reply.read().decode()
        self.assertIn("prices of 2026-09-26 (us-east-1)", text)
        self.assertRegex(text, r"\ntotal +0\.000000 USD\n$")


class CommandLine(SimulatorTest):
    def fails(self, *options):
        done = subprocess.run(start_argv(*options), capture_output=True, text=True, timeout=TIMEOUT_SEC)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertNotIn("secret-of-this-test", done.stderr)
        return done.stderr

    def test_what_it_refuses(self):
        data = self.home + "/other"
        keys = ("--credentials", "AKID:secret-of-this-test")
        self.assertIn("--data", self.fails(*keys))
        self.assertIn("--credentials", self.fails("--data", data))
        self.fails("--data", data, "--credentials", "secret-of-this-test")
        self.fails("--data", data, *keys, "--listen", "nowhere")
        self.fails("--data", data, *keys, "--time-scale", "-1")
        self.fails("--data", data, *keys, "--account", "12")
        self.fails("--data", data, *keys, "--faults", data + "/none")
        prices = self.home + "/prices.json"
        with open(prices, "w", encoding="utf-8") as file:
            json.dump({"date": "today"}, file)
        self.assertIn("prices", self.fails("--data", data, *keys, "--prices", prices))
        self.assertIn("in use", self.fails("--data", data, *keys, "--listen", self.sim.address))

    def test_help(self):
        done = subprocess.run(start_argv("--help"), capture_output=True, text=True, timeout=TIMEOUT_SEC)
        self.assertEqual(done.returncode, 0)
        for option in ("--listen", "--data", "--credentials", "--region", "--time-scale", "--faults", "--prices"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    unittest.main()
