"""The AWS command line (aws s3, aws s3api) and rclone, as they are installed, against icecore-sim."""
import filecmp
import json
import os
import shutil
import subprocess
import unittest

from s3_client import BUCKET, S3Test
from simulator import KEY, MIB, REGION, SECRET, noise


class CommandLine(S3Test):
    def setUp(self):
        super().setUp()
        self.tree = os.path.join(self.home, "tree")
        os.makedirs(os.path.join(self.tree, "sub dir"))
        self.write("small.txt", b"small")
        self.write("empty", b"")
        self.write("sub dir/ü+%.bin", noise(100_000))
        self.write("large.bin", noise(20 * MIB + 3))

    def write(self, name, data):
        with open(os.path.join(self.tree, name), "wb") as out:
            out.write(data)

    def path(self, name):
        return os.path.join(self.home, name)

    def run_program(self, argv, good=True, **environment):
        done = subprocess.run(argv, env={"PATH": "/usr/bin:/bin", "HOME": self.home, "LC_ALL": "C.UTF-8",
                                         **environment}, capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode == 0, good, f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout if good else done.stderr

    def same_tree(self, other):
        for where, _, names in os.walk(self.tree):
            for name in names:
                path = os.path.join(where, name)
                copy = os.path.join(other, os.path.relpath(path, self.tree))
                self.assertTrue(filecmp.cmp(path, copy, shallow=False), copy)


@unittest.skipUnless(os.path.exists("/usr/bin/aws"), "awscli is not installed")
class Aws(CommandLine):
    def aws(self, *argv, good=True):
        return self.run_program(["/usr/bin/aws", "--endpoint-url", self.sim.url, "--region", REGION, *argv], good,
                                AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_EC2_METADATA_DISABLED="true")

    def api(self, *argv, good=True):
        out = self.aws("s3api", *argv, good=good)
        return json.loads(out) if good and out.strip() else out

    def test_s3(self):
        self.aws("s3", "mb", "s3://second")
        self.assertIn("second", self.aws("s3", "ls"))
        self.aws("s3", "cp", "--recursive", self.tree, f"s3://{BUCKET}/tree")
        self.assertIn("large.bin", self.aws("s3", "ls", f"s3://{BUCKET}/tree/"))
        self.aws("s3", "sync", f"s3://{BUCKET}/tree", self.path("back"))
        self.same_tree(self.path("back"))
        self.assertEqual(self.aws("s3", "cp", f"s3://{BUCKET}/tree/small.txt", "-"), "small")
        self.aws("s3", "mv", f"s3://{BUCKET}/tree/small.txt", "s3://second/moved.txt")
        self.assertNotIn("small.txt", self.aws("s3", "ls", f"s3://{BUCKET}/tree/"))
        url = self.aws("s3", "presign", "s3://second/moved.txt").strip()
        self.assertEqual(self.run_program(["curl", "-sf", "--noproxy", "*", url]), "small")
        self.aws("s3", "rm", "--recursive", f"s3://{BUCKET}")
        self.aws("s3", "rb", f"s3://{BUCKET}")
        self.aws("s3", "rb", "--force", "s3://second")
        self.assertEqual(self.aws("s3", "ls"), "")
        self.assertIn("NoSuchBucket", self.aws("s3", "ls", "s3://second", good=False))

    def test_s3api(self):
        here = ("--bucket", BUCKET, "--key", "k")
        large = os.path.join(self.tree, "large.bin")
        self.api("create-bucket", "--bucket", "other")
        self.api("head-bucket", "--bucket", "other")
        self.assertEqual(len(self.api("list-buckets")["Buckets"]), 2)
        self.assertIsNone(self.api("get-bucket-location", "--bucket", "other")["LocationConstraint"])
        self.api("delete-bucket", "--bucket", "other")
        put = self.api("put-object", *here, "--body", large, "--metadata", "a=b", "--storage-class", "GLACIER_IR",
                       "--checksum-algorithm", "CRC32C")
        self.assertEqual(self.api("head-object", *here)["StorageClass"], "GLACIER_IR")
        got = self.api("get-object", *here, "--checksum-mode", "ENABLED", self.path("out"))
        self.assertEqual((got["ETag"], got["ChecksumCRC32C"]), (put["ETag"], put["ChecksumCRC32C"]))
        self.assertTrue(filecmp.cmp(self.path("out"), large, shallow=False))
        self.api("get-object", *here, "--range", "bytes=5-9", self.path("out"))
        self.assertEqual(os.path.getsize(self.path("out")), 5)
        self.assertEqual(self.api("get-object-attributes", *here, "--object-attributes", "ObjectSize", "Checksum"),
                         {**self.api("get-object-attributes", *here, "--object-attributes", "ObjectSize", "Checksum")})
        self.api("copy-object", "--bucket", BUCKET, "--key", "copy", "--copy-source", f"{BUCKET}/k")
        self.assertEqual([e["Key"] for e in self.api("list-objects-v2", "--bucket", BUCKET)["Contents"]], ["copy", "k"])
        self.assertEqual([e["Key"] for e in self.api("list-objects", "--bucket", BUCKET)["Contents"]], ["copy", "k"])
        self.api("delete-objects", "--bucket", BUCKET, "--delete", "Objects=[{Key=copy}]")
        self.api("delete-object", *here)

        upload = self.api("create-multipart-upload", *here, "--checksum-algorithm", "SHA256")["UploadId"]
        with_upload = (*here, "--upload-id", upload)
        parts = []
        for number, size in ((1, 5 * MIB), (2, 100)):
            with open(self.path("part"), "wb") as out:
                out.write(noise(size, number))
            reply = self.api("upload-part", *with_upload, "--part-number", str(number), "--body", self.path("part"),
                             "--checksum-algorithm", "SHA256")
            parts.append({"PartNumber": number, "ETag": reply["ETag"], "ChecksumSHA256": reply["ChecksumSHA256"]})
        self.assertEqual(len(self.api("list-parts", *with_upload)["Parts"]), 2)
        self.assertEqual(len(self.api("list-multipart-uploads", "--bucket", BUCKET)["Uploads"]), 1)
        done = self.api("complete-multipart-upload", *with_upload, "--multipart-upload", json.dumps({"Parts": parts}))
        self.assertTrue(done["ChecksumSHA256"].endswith("-2"))
        upload = self.api("create-multipart-upload", *here)["UploadId"]
        self.api("abort-multipart-upload", *here, "--upload-id", upload)
        self.assertIn("NoSuchUpload", self.api("list-parts", *here, "--upload-id", upload, good=False))


@unittest.skipUnless(shutil.which("rclone", path="/usr/bin"), "rclone is not installed")
class Rclone(CommandLine):
    def rclone(self, *argv, **environment):
        return self.run_program(["/usr/bin/rclone", "--config", "/dev/null", *argv], RCLONE_S3_PROVIDER="Other",
                                RCLONE_S3_ACCESS_KEY_ID=KEY, RCLONE_S3_SECRET_ACCESS_KEY=SECRET,
                                RCLONE_S3_REGION=REGION, RCLONE_S3_ENDPOINT=self.sim.url,
                                RCLONE_S3_FORCE_PATH_STYLE="true", RCLONE_S3_UPLOAD_CUTOFF="10Mi", **environment)

    def test_a_tree_goes_there_and_comes_back(self):
        there = f":s3:{BUCKET}/tree"
        self.rclone("sync", self.tree, there)
        self.rclone("check", self.tree, there)
        self.assertIn("large.bin", self.rclone("lsf", there))
        self.rclone("copy", there, self.path("back"))
        self.same_tree(self.path("back"))
        self.rclone("copy", os.path.join(self.tree, "small.txt"), f":s3:{BUCKET}/cold",
                    RCLONE_S3_STORAGE_CLASS="DEEP_ARCHIVE")
        self.assertEqual(self.head("cold/small.txt")["StorageClass"], "DEEP_ARCHIVE")
        self.rclone("purge", there)
        self.assertEqual(self.keys(), ["cold/small.txt"])


if __name__ == "__main__":
    unittest.main()
