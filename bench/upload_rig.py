"""What bench/upload measures with: a simulator, a set of icecore's, programs that are timed, tables."""
import base64
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

KEY, SECRET, REGION = "bench-key", "bench-secret", "us-east-1"
MIB = 1 << 20


class Simulator:
    """icecore-sim on a free port, in a directory of its own, with an empty place to store in: Vault or Bucket."""

    def __init__(self, program, directory):
        self.program, self.directory, self.address, self.process = program, directory, "127.0.0.1:0", None
        self.fresh()

    def url(self):
        return f"http://{self.address}{self.path}"

    def curl(self):
        return ["curl", "-sS", "--fail-with-body", "-o", "/dev/null", "--aws-sigv4", f"aws:amz:{REGION}:{self.service}", "--user",
                f"{KEY}:{SECRET}", *self.headers]

    def fresh(self):
        """Begins anew at the same address: nothing is stored any more."""
        self.stop()
        subprocess.run(["sync"], check=True)
        self.process = subprocess.Popen([self.program, "--data", self.directory, "--credentials", f"{KEY}:{SECRET}",
                                         "--listen", self.address], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            sys.exit("bench/upload: the simulator does not start")
        self.address = line.split()[-1]
        subprocess.run([*self.curl(), "-H", f"x-amz-content-sha256: {hashlib.sha256().hexdigest()}", "-X", "PUT", self.url()],
                       check=True)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Vault(Simulator):
    service, path, headers = "glacier", "/-/vaults/bench", ["-H", "x-amz-glacier-version: 2012-06-01"]
    target = 'type = "glacier"\nvault = "bench"\n'

    def upload(self, path, sha256, tree_hash):
        """The words that make curl store a volume."""
        return [*self.curl(), "-X", "POST", "-T", path, "-H", f"x-amz-content-sha256: {sha256}",
                "-H", f"x-amz-sha256-tree-hash: {tree_hash}", f"{self.url()}/archives"]


class Bucket(Simulator):
    service, path, headers = "s3", "/bench", []
    target = 'type = "s3"\nbucket = "bench"\n'

    def upload(self, path, sha256, _tree_hash):
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        return [*self.curl(), "-T", path, "-H", f"x-amz-content-sha256: {sha256}", "-H", f"x-amz-checksum-sha256: {checksum}",
                f"{self.url()}/{os.path.basename(path)}"]


def measure(commands, env, sim):
    """Runs programs at the same time until all have ended. Memory is by /usr/bin/time: what wait4 tells of a child includes
    what this process had when it forked."""
    sim_before = sim.cpu()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        peaks = [f"{scratch}/{i}" for i in range(len(commands))]
        timed = [["/usr/bin/time", "-f", "%M", "-o", peak, *command] for peak, command in zip(peaks, commands)]
        cpu, wall = run_all(timed, env, started)
        memory = sum(int(open(peak).read()) * 1024 for peak in peaks)
    return {"wall": wall, "cpu": cpu, "memory": memory, "sim": sim.cpu() - sim_before}


def run_all(commands, env, started):
    """CPU seconds of all, and wall seconds since `started`."""
    children = [subprocess.Popen(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL) for command in commands]
    cpu = 0.0
    for child in children:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"bench/upload: {' '.join(child.args[5:])} ends with status {child.returncode}")
        cpu += usage.ru_utime + usage.ru_stime
    return cpu, time.monotonic() - started


class Set:
    """A set of icecore's, in a directory of its own, with the simulator's vault or bucket as its target."""

    def __init__(self, directory, program, data, sim, volume_bytes, compression, limit=None):
        self.directory, self.program, self.sim = directory, program, sim
        self.backup_dir, self.outbox = f"{directory}/backup", f"{directory}/backup/outbox.db"
        self.env = {"ICECORE_CONFIG": f"{directory}/icecore.toml", "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
                    "AWS_EC2_METADATA_DISABLED": "true"}
        os.mkdir(directory)
        upload_limit = f'upload_limit = "{limit}"\n' if limit else ""
        with open(self.env["ICECORE_CONFIG"], "w") as out:
            out.write(f'[[set]]\nname = "bench"\ndata = "{data}"\nbackup = "{self.backup_dir}"\n'
                      f'compression = "{compression}"\nvolume_size = "{volume_bytes}"\n'
                      'ignore_files = false\nexclude_caches = false\nexclude_nodump = false\n'
                      f'[set.target]\n{sim.target}region = "{REGION}"\n'
                      f'endpoint = "http://{sim.address}"\n{upload_limit}')

    def run(self, *arguments):
        return measure([[self.program, *arguments, "--quiet"]], self.env, self.sim)

    def use_outbox(self, saved):
        """Begins with a copy of that outbox; with none if there is no such file."""
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.outbox + suffix):
                os.remove(self.outbox + suffix)
        if os.path.exists(saved):
            shutil.copy(saved, self.outbox)

    def volumes(self):
        """(path, SHA-256, tree hash) of each, from the manifest."""
        manifest = next(n for n in os.listdir(self.backup_dir) if n.endswith(".manifest.zst"))
        text = subprocess.run(["zstd", "-dcq", f"{self.backup_dir}/{manifest}"], check=True, stdout=subprocess.PIPE).stdout
        found = {}
        for line in text.splitlines():
            for volume in volume_objects(json.loads(line)):
                found[volume["name"]] = (f"{self.backup_dir}/{volume['name']}", volume["sha256"], volume["tree_hash"])
        return [found[name] for name in sorted(found)]


def volume_objects(value):
    """The descriptions of volumes anywhere in a line of a manifest."""
    if isinstance(value, dict):
        if {"name", "sha256", "tree_hash"} <= value.keys():
            yield value
        for item in value.values():
            yield from volume_objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from volume_objects(item)


def stored_bytes(directory):
    return sum(os.path.getsize(f"{directory}/{n}") for n in os.listdir(directory) if re.search(r"\.tar\.zst(\.\d+)?$", n))


def make_noise(directory, size):
    """Files of 256 MiB of bytes that do not compress."""
    os.mkdir(directory)
    key = os.urandom(16).hex()
    for i in range(0, size, 256 * MIB):
        with open(f"{directory}/noise{i // (256 * MIB):04}", "wb") as out:
            encrypt = subprocess.Popen(["openssl", "enc", "-aes-128-ctr", "-K", key, "-iv", f"{i:032x}"], stdin=subprocess.PIPE,
                                       stdout=out)
            left = min(256 * MIB, size - i)
            while left > 0:
                left -= encrypt.stdin.write(bytes(min(left, MIB)))
            encrypt.stdin.close()
            encrypt.wait()


def copy_tree(source, to, size):
    """The first files of `source`, in name order, until there are `size` bytes."""
    for root, dirs, names in os.walk(source):
        dirs.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            copy = to + path[len(source):]
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copyfile(path, copy)
            size -= os.path.getsize(path)
            if size <= 0:
                return


def warm(path):
    subprocess.run(f"find '{path}' -type f -print0 | xargs -0 -r cat > /dev/null", shell=True, check=True)


def volume_size(size):
    return max(64 * MIB, min(1 << 30, size // 4))


def say(text):
    sys.stderr.write(text + "\n")


def human(size):
    return f"{size / MIB:.0f} MiB" if size >= 10 * MIB else f"{size / MIB:.1f} MiB"


def median(results, what):
    return statistics.median(r[what] for r in results[1])


def print_table(results, markdown):
    head = ["what", "wall s", "all", "MiB/s", "CPU s", "sim CPU s", "memory"]
    rows = []
    for name, (total, runs) in results.items():
        measured = (total, runs)
        wall = median(measured, "wall")
        rows.append([name, f"{wall:.2f}", " ".join(f"{r['wall']:.2f}" for r in runs), f"{total / MIB / wall:.0f}",
                     f"{median(measured, 'cpu'):.2f}", f"{median(measured, 'sim'):.2f}", human(median(measured, "memory"))])
    widths = [max(len(row[i]) for row in rows + [head]) for i in range(len(head))]
    line, join = ("| {} |", " | ") if markdown else ("{}", "  ")
    print(line.format(join.join(h.ljust(w) for h, w in zip(head, widths))).rstrip())
    if markdown:
        print("|" + "|".join("---" for _ in head) + "|")
    for row in rows:
        print(line.format(join.join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))).rstrip())
