"""icecore with a bucket of the simulator's: the policies that it prints are enough and no more, the rule that it adds
leaves others alone, doctor sees what may do harm, and README.restore.txt brings everything back by its own words."""
import datetime
import os
import pathlib
import pty
import re
import shutil
import subprocess
import unittest

import s3_client
import simulator

DEEP_BULK_SEC = 48 * simulator.HOUR
PLACE = "backups/attic/data"


def program(*arguments, home, key=simulator.KEY, secret=simulator.SECRET, status=0, both=False):
    """Standard output of icecore; `status` is what it must end with; `both`: standard error, too."""
    environment = {"PATH": os.environ["PATH"], "HOME": home, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                   "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1"}
    done = subprocess.run([os.environ["ICECORE"], *arguments], env=environment, capture_output=True, text=True,
                          timeout=simulator.TIMEOUT_SEC * 2, cwd=home)
    if done.returncode != status:
        raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if both else "")


def on_terminal(answers, *arguments, home, key=simulator.KEY, secret=simulator.SECRET):
    """What icecore shows on a terminal where somebody types `answers`, a line each, and ends."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(home)
        os.execve(os.environ["ICECORE"], [os.environ["ICECORE"], *arguments],
                  {"PATH": os.environ["PATH"], "HOME": home, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
                   "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1", "TERM": "dumb"})
    os.write(terminal, ("".join(answer + "\n" for answer in answers) + "\x04\x04").encode())
    shown = b""
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:  # nobody writes there any more
        pass
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    shown = shown.decode().replace("\r\n", "\n")
    if status != 0:
        raise AssertionError(f"{arguments} ended with {status}:\n{shown}")
    return shown


class BucketProgram(s3_client.ColdTest):
    """A set `data` of the machine `attic`, stored in the bucket `ice`; the simulator's clock starts at the real time."""

    def setUp(self):
        simulator.SimulatorTest.setUp(self)
        self.client = self.connect()
        self.client.create_bucket(Bucket="ice", **self.bucket_options)
        os.makedirs(f"{self.home}/data/dir/sub")
        self.write("data/large", simulator.noise(20 * simulator.MIB))
        self.write("data/dir/file", b"one\n")
        self.icecore("init", "--config", "c.toml", "--data", "data", "--backup", "it's a backup", "--target",
                     f"s3://ice/backups?endpoint={self.sim.url}&storage_class=DEEP_ARCHIVE&host=attic&part_size=8MiB")

    def write(self, path, content):
        pathlib.Path(self.home, path).write_bytes(content)

    def icecore(self, *arguments, **more):
        return program(*arguments, home=self.home, **more)

    def backup(self, **more):
        return self.icecore("--config", "c.toml", "backup", **more)

    def second_run(self, **more):
        os.rename(f"{self.home}/data/dir", f"{self.home}/data/renamed")
        self.write("data/renamed/sub/new", b"two\n")
        os.remove(f"{self.home}/data/renamed/file")
        self.backup(**more)

    def keys(self):
        listed = self.client.list_objects_v2(Bucket="ice").get("Contents", [])
        return {one["Key"].removeprefix(PLACE + "/"): one["StorageClass"] for one in listed}

    def same(self, restored):
        subprocess.run(["diff", "-r", f"{self.home}/data", restored], check=True)


class Policies(BucketProgram):
    KEYS = {"WRITER": "write", "RESTORER": "restore"}

    def policy(self, purpose):
        target = "s3://ice/backups?host=attic&region=us-east-1"
        return program("init", "--print-iam", purpose, "--target", target, "--name", "data", home=self.home)

    def run_simulator(self, *options, data=None):
        for key, purpose in self.KEYS.items():
            self.write(purpose + ".json", self.policy(purpose).encode())
            options += ("--credentials", f"{key}:secret", "--policy", f"{key}={self.home}/{purpose}.json")
        return super().run_simulator(*options, data=data)

    def test_writing_and_restoring_need_no_more_than_their_policies(self):
        writer = {"key": "WRITER", "secret": "secret"}
        self.backup(**writer)
        self.second_run(**writer)
        self.assertIn("nothing to store", self.icecore("--config", "c.toml", "upload", **writer))
        said = self.icecore("--config", "c.toml", "verify", "--remote", both=True, **writer)
        self.assertRegex(said, "checksums of this file and 1 more may not be looked at")
        said = self.icecore("--config", "c.toml", "doctor", both=True, **writer)
        self.assertNotIn("policy", said)  # nothing is refused that it looks at
        self.uploads_of_which_no_word_came_back(writer)

        volumes = [name for name in self.keys() if ".tar.zst" in name]
        self.assertEqual(len(volumes), 3)
        as_writer = self.connect(key="WRITER", secret="secret")
        with self.refused("AccessDenied", 403):
            as_writer.get_object(Bucket="ice", Key=f"{PLACE}/{volumes[0]}")
        with self.refused("AccessDenied", 403):
            as_writer.restore_object(Bucket="ice", Key=f"{PLACE}/{volumes[0]}", RestoreRequest={"Days": 1})
        for key in self.keys():
            with self.refused("AccessDenied", 403):
                as_writer.delete_object(Bucket="ice", Key=f"{PLACE}/{key}")
        with self.refused("AccessDenied", 403):
            as_writer.put_object(Bucket="ice", Key="backups/kitchen/data/x", Body=b"")

        self.set_up_by_questions(writer)

        restorer = {"key": "RESTORER", "secret": "secret"}
        shutil.rmtree(f"{self.home}/it's a backup")
        self.icecore("--config", "c.toml", "recover", **restorer)
        restore = ("--config", "c.toml", "restore", "--from", "remote", "--to", "restored", "--yes")
        self.icecore(*restore, status=75, **restorer)
        self.sim.advance(DEEP_BULK_SEC)
        self.icecore(*restore, **restorer)
        self.same(f"{self.home}/restored")
        as_restorer = self.connect(key="RESTORER", secret="secret")
        with self.refused("AccessDenied", 403):
            as_restorer.put_object(Bucket="ice", Key=f"{PLACE}/x", Body=b"")
        with self.refused("AccessDenied", 403):
            as_restorer.delete_object(Bucket="ice", Key=f"{PLACE}/{volumes[0]}")


    def uploads_of_which_no_word_came_back(self, writer):
        """This key may not look at volumes: the listing's ETag tells that they are there, in parts or as a whole."""
        before = self.keys()
        for name in os.listdir(f"{self.home}/it's a backup"):
            if name.startswith("outbox.db"):
                os.remove(f"{self.home}/it's a backup/{name}")
        self.icecore("--config", "c.toml", "upload", **writer)
        self.assertEqual(self.keys(), before)
        self.write("data/more", b"three\n")
        self.sim.faults({"operation": "PutObject", "kind": "drop-after", "path": ".tar", "count": 1})
        self.backup(**writer)
        self.assertIn("nothing to store", self.icecore("--config", "c.toml", "upload", **writer))

    def set_up_by_questions(self, writer):
        """icecore init on a terminal tries the bucket out with what the key may do, with a set that has something there, and with one that looks as if not."""
        target = f"s3://ice/backups?endpoint={self.sim.url}&host=attic"
        said = on_terminal(["data", "elsewhere", target, "no", "no", "n"], "init", "--config", "d.toml", home=self.home, **writer)
        self.assertIn('there are backups of "data" already', said)
        readme = {"Bucket": "ice", "Key": f"{PLACE}/README.restore.txt"}
        self.client.delete_object(**readme)
        said = on_terminal(["data", "elsewhere2", target, "no", "no", "n"], "init", "--config", "e.toml", home=self.home, **writer)
        self.assertIn("a small file was written there, read back; this key may not delete it", said)
        self.assertIn("There are none yet.", self.client.get_object(**readme)["Body"].read().decode())


class Questions(BucketProgram):
    """icecore init on a terminal."""

    def ask(self, target, *more):
        return on_terminal(["data", "other", target, *more], "init", "--config", "d.toml", home=self.home)

    def test_a_bucket_is_written_to_read_and_emptied_again(self):
        place = f"ice/other?endpoint={self.sim.url}&host=attic"
        said = self.ask("s3://no-such/other" + place[9:], "s3://" + place, "no", "no", "y")
        self.assertIn("a small file was written there, read back and removed", said)
        self.assertRegex(said, r"error: .*no-such")
        self.assertIn("offsite: stored 4 files", said)
        self.assertIn("icecore --config", said)  # the rule against unfinished uploads
        listed = self.client.list_objects_v2(Bucket="ice", Prefix="other/")["Contents"]
        self.assertEqual(len(listed), 4)

    def test_a_vault_is_asked_only_whether_it_is_there(self):
        self.icecore("vault", "create", "offsite", "--endpoint", self.sim.url, "--region", "us-east-1")
        place = f"?endpoint={self.sim.url}&region=us-east-1"
        said = self.ask("glacier:absent" + place, "glacier:offsite" + place, "no", "no", "n")
        self.assertIn("it is there and lets us in", said)
        self.assertRegex(said, r"error: .*absent")
        requests = self.sim.bill()["requests"]
        self.assertFalse({"UploadArchive", "InitiateMultipartUpload", "InitiateJob"} & set(requests), requests)


class LockedPolicies(Policies):
    """The same in a bucket with Object Lock, with a policy that was printed for a configuration with locks."""
    bucket_options = {"ObjectLockEnabledForBucket": True}
    LOCK = '\nobject_lock = { mode = "%s", days = %d }\n'

    def policy(self, purpose):
        self.write("policy.toml", b'[[set]]\nname = "data"\ndata = "/d"\nbackup = "/b"\n[set.target]\ntype = "s3"\n'
                   b'bucket = "ice"\nprefix = "backups"\nhost = "attic"\nregion = "us-east-1"' +
                   (self.LOCK % ("governance", 30)).encode())
        os.chmod(f"{self.home}/policy.toml", 0o600)
        return program("--config", "policy.toml", "init", "--print-iam", purpose, home=self.home)

    def setUp(self):
        super().setUp()
        self.without = pathlib.Path(self.home, "c.toml").read_text(encoding="utf-8")
        self.lock_for("governance", 30)

    def lock_for(self, mode, days):
        text = re.sub('\n(?=bucket = )', self.LOCK % (mode, days), self.without, count=1)
        self.write("c.toml", text.encode())

    def locks(self):
        """What is locked: its mode and the days from now on, by name."""
        now = datetime.datetime.now(datetime.timezone.utc)
        found = {}
        for name in self.keys():
            head = self.client.head_object(Bucket="ice", Key=f"{PLACE}/{name}")
            if "ObjectLockMode" in head:
                left = head["ObjectLockRetainUntilDate"] - now
                found[name] = (head["ObjectLockMode"], round(left / datetime.timedelta(days=1)))
        return found

    def all_but_readme(self):
        return sorted(name for name in self.keys() if name != "README.restore.txt")

    def test_locks_are_made_and_extended_with_the_key_for_writing(self):
        writer = {"key": "WRITER", "secret": "secret"}
        self.backup(**writer)
        self.assertEqual(sorted(self.locks()), self.all_but_readme())
        self.assertEqual(set(self.locks().values()), {("GOVERNANCE", 34)})  # an eighth more than 30
        self.lock_for("governance", 80)
        self.second_run(**writer)
        self.assertEqual(sorted(self.locks()), self.all_but_readme())
        self.assertEqual(set(self.locks().values()), {("GOVERNANCE", 90)})
        said = self.icecore("--config", "c.toml", "verify", "--remote", both=True, **writer)
        self.assertRegex(said, "runs 1 to 2 are safe from deletion until")  # the dates may be looked at
        version = self.client.head_object(Bucket="ice", Key=f"{PLACE}/{self.all_but_readme()[0]}")["VersionId"]
        with self.refused("AccessDenied", 403):
            self.client.delete_object(Bucket="ice", Key=f"{PLACE}/{self.all_but_readme()[0]}", VersionId=version)

    def test_what_was_stored_without_locks_is_locked(self):
        writer = {"key": "WRITER", "secret": "secret"}
        self.write("c.toml", self.without.encode())
        self.backup(**writer)
        self.assertEqual(self.locks(), {})
        self.lock_for("compliance", 8)
        self.icecore("--config", "c.toml", "upload", **writer)
        self.assertEqual(sorted(self.locks()), self.all_but_readme())
        self.assertEqual(set(self.locks().values()), {("COMPLIANCE", 9)})


class ByItsOwnWords(BucketProgram):
    def script(self):
        """The indented blocks of the section that is about the bucket."""
        text = self.client.get_object(Bucket="ice", Key=f"{PLACE}/README.restore.txt")["Body"].read().decode()
        section = text.partition("From the bucket alone\n")[2]
        self.assertTrue(section)
        self.assertLessEqual(max(map(len, text.splitlines())), 130)
        blocks = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
        # The hours that the thaw takes pass before one looks.
        self.assertEqual([i for i, block in enumerate(blocks) if "restore-object" in block], [2])
        blocks.insert(3, "curl -sSf -d '{\"advance_seconds\":%d}' %s/_sim/clock\n" % (DEEP_BULK_SEC, self.sim.url))
        script = "".join(blocks).replace("/restore", f"{self.home}/restore")
        return script

    def test_readme_restores(self):
        self.backup()
        self.second_run()
        with open(f"{self.home}/data/third", "w", encoding="utf-8") as file:
            file.write("three\n")
        self.backup()
        self.assertEqual(sorted(set(self.keys().values())), ["DEEP_ARCHIVE", "STANDARD"])
        script = self.script()
        shutil.rmtree(f"{self.home}/it's a backup")
        environment = {"PATH": "/usr/bin:/bin:" + os.environ["PATH"], "HOME": self.home, "AWS_PAGER": "",
                       "AWS_ACCESS_KEY_ID": simulator.KEY, "AWS_SECRET_ACCESS_KEY": simulator.SECRET,
                       "AWS_EC2_METADATA_DISABLED": "true", "no_proxy": "127.0.0.1"}
        done = subprocess.run(["sh", "-euc", script], env=environment, capture_output=True, text=True,
                              timeout=simulator.TIMEOUT_SEC * 5, cwd=self.home)
        self.assertEqual(done.returncode, 0, script + done.stdout + done.stderr)
        self.assertEqual(done.stdout.count('ongoing-request="false"'), 3)
        self.same(f"{self.home}/restore")


class Setup(BucketProgram):
    RULE = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "other/"}, "Expiration": {"Days": 30}}

    def rules(self):
        return self.client.get_bucket_lifecycle_configuration(Bucket="ice")["Rules"]

    def test_the_rule_is_added_and_others_stay(self):
        self.client.put_bucket_lifecycle_configuration(Bucket="ice", LifecycleConfiguration={"Rules": [self.RULE]})
        for _ in range(2):  # the second time changes nothing
            self.icecore("--config", "c.toml", "init", "--add-lifecycle-rule")
            theirs, ours = self.rules()
            self.assertEqual(theirs, self.RULE)
            self.assertEqual(ours["Filter"], {"Prefix": "backups/"})
            self.assertEqual(ours["AbortIncompleteMultipartUpload"], {"DaysAfterInitiation": 7})
        self.assertNotIn("lifecycle", self.icecore("--config", "c.toml", "doctor", both=True))

    @unittest.skipUnless(shutil.which("aws"), "aws is not installed")
    def test_the_command_that_init_prints_sets_the_same_rule(self):
        said = self.icecore("init", "--config", "d.toml", "--data", "data", "--backup", "b", "--target",
                            f"s3://ice/backups?endpoint={self.sim.url}")
        rule = re.search(r"^\{\n.*?^\}\n", said, re.MULTILINE | re.DOTALL).group()
        self.write("rule.json", rule.encode())
        command = re.search(r"^  (aws (?:.*\\\n)*.*)\n", said, re.MULTILINE).group(1)
        environment = {"PATH": "/usr/bin:/bin:" + os.environ["PATH"], "HOME": self.home,
                       "AWS_ACCESS_KEY_ID": simulator.KEY, "AWS_SECRET_ACCESS_KEY": simulator.SECRET,
                       "no_proxy": "127.0.0.1"}
        subprocess.run(["sh", "-euc", command], env=environment, check=True, cwd=self.home)
        by_hand = self.rules()
        self.icecore("--config", "d.toml", "init", "--add-lifecycle-rule")
        self.assertEqual(self.rules(), by_hand)

    def test_doctor_sees_a_rule_that_deletes(self):
        rule = self.RULE | {"Filter": {"Prefix": ""}}
        self.client.put_bucket_lifecycle_configuration(Bucket="ice", LifecycleConfiguration={"Rules": [rule]})
        said = self.icecore("--config", "c.toml", "doctor", both=True)
        self.assertRegex(said, 'lifecycle rule "theirs" of bucket ice deletes .*our objects')

    def test_doctor_says_what_is_wrong_with_the_place(self):
        for old, new, words in (('bucket = "ice"', 'bucket = "nice"', 'is bucket "nice" spelled right'),
                                (self.sim.url, "http://127.0.0.1:1", "after 3 attempts: 127.0.0.1:1: no connection")):
            config = pathlib.Path(self.home, "c.toml").read_text(encoding="utf-8")
            self.write("wrong.toml", config.replace(old, new).encode())
            os.chmod(f"{self.home}/wrong.toml", 0o600)
            said = self.icecore("--config", "wrong.toml", "doctor", status=1, both=True)
            self.assertIn(words, said)
            self.assertNotIn("data: unfinished", said)
        for key, secret in ((simulator.KEY, "wrong"), ("NOBODY", simulator.SECRET)):
            said = self.icecore("--config", "c.toml", "doctor", status=1, both=True, key=key, secret=secret)
            self.assertRegex(said, "(?s)problem.*(key|secret|credentials)")

    def test_volumes_that_went_into_another_class_than_is_configured_now_are_thawed(self):
        self.backup()
        config = pathlib.Path(self.home, "c.toml").read_text(encoding="utf-8")
        self.write("c.toml", config.replace("DEEP_ARCHIVE", "STANDARD").encode())
        restore = ("--config", "c.toml", "restore", "--from", "remote", "--to", "restored", "--yes")
        said = self.icecore(*restore, status=3, both=True)
        self.assertIn("the same command, run again, has it thawed", said)
        self.icecore(*restore, status=75)
        self.sim.advance(DEEP_BULK_SEC)
        self.icecore(*restore)
        self.same(f"{self.home}/restored")

    def test_an_upload_that_was_begun_now_is_left_alone(self):
        self.client.create_multipart_upload(Bucket="ice", Key=f"{PLACE}/data-000009-full-20261122T031500Z.tar.zst")
        self.icecore("--config", "c.toml", "upload", "--abort-unfinished")
        self.assertEqual(len(self.client.list_multipart_uploads(Bucket="ice")["Uploads"]), 1)


for tool in ("aws", "curl"):
    if not shutil.which(tool):
        simulator.skip_all(tool + " is not installed")

if __name__ == "__main__":
    unittest.main()
