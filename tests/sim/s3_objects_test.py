"""Buckets and objects under boto3: what is put is there, and is what was put."""
import base64
import datetime
import hashlib
import unittest
import zlib

from s3_client import BUCKET, S3Test, http_request
from simulator import ACCOUNT, MIB, noise


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Buckets(S3Test):
    def test_they_are_made_listed_and_deleted(self):
        self.client.create_bucket(Bucket="another.one")
        self.assertEqual([b["Name"] for b in self.client.list_buckets()["Buckets"]], ["another.one", BUCKET])
        self.assertEqual(self.client.head_bucket(Bucket=BUCKET)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"],
                         "us-east-1")
        self.assertIsNone(self.client.get_bucket_location(Bucket=BUCKET)["LocationConstraint"])
        self.put("k")
        with self.refused("BucketNotEmpty", 409):
            self.client.delete_bucket(Bucket=BUCKET)
        self.client.delete_object(Bucket=BUCKET, Key="k")
        self.client.delete_bucket(Bucket=BUCKET)
        with self.refused("NoSuchBucket", 404):
            self.put("k")
        with self.refused("404", 404):
            self.client.head_bucket(Bucket=BUCKET)

    def test_names_have_rules(self):
        for name in ("ab", "Upper", "a..b", "-ab", "ab-", "1.2.3.4", "a_b", "x" * 64):
            with self.subTest(name):
                status, _, body = http_request(self.sim, "PUT", "/" + name)
                self.assertEqual((status, b"InvalidBucketName" in body), (400, True), body)

    def test_a_bucket_elsewhere_sends_clients_there(self):
        self.client.create_bucket(Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.assertEqual(self.client.get_bucket_location(Bucket="far-away")["LocationConstraint"], "eu-west-1")
        status, headers, body = http_request(self.sim, "GET", "/far-away?list-type=2")
        self.assertEqual((status, headers["x-amz-bucket-region"]), (301, "eu-west-1"))
        self.assertIn(b"<Code>PermanentRedirect</Code>", body)
        there = self.connect(region="eu-west-1")
        there.put_object(Bucket="far-away", Key="k", Body=b"x")
        self.assertEqual(there.get_object(Bucket="far-away", Key="k")["Body"].read(), b"x")
        status, headers, body = http_request(self.sim, "GET", f"/{BUCKET}/k", region="eu-west-1")
        self.assertEqual((status, headers["x-amz-bucket-region"]), (400, "us-east-1"))
        self.assertIn(b"<Code>AuthorizationHeaderMalformed</Code>", body)
        self.assertIn(b"<Region>us-east-1</Region>", body)
        with self.refused("InvalidLocationConstraint"):
            self.client.create_bucket(Bucket="nowhere", CreateBucketConfiguration={"LocationConstraint": "moon"})
        status, headers, _ = http_request(self.sim, "HEAD", "/far-away")
        self.assertEqual((status, headers["x-amz-bucket-region"]), (301, "eu-west-1"))

    def test_whose_it_is_can_be_checked(self):
        self.client.head_bucket(Bucket=BUCKET, ExpectedBucketOwner=ACCOUNT)
        with self.refused("AccessDenied", 403):
            self.put("k", ExpectedBucketOwner="999999999999")


class Objects(S3Test):
    def test_every_key_is_itself(self):
        keys = ["plain", "a/b/c", "/leading", "trailing/", "double//slash", "blank key", "plus+and%percent", "ü/€/😀",
                "a=b&c?d#e", "..", "./x", "new\nline", "~!*'()", "x" * 1024, "<&>\"'"]
        for key in keys:
            with self.subTest(key):
                self.put(key, key.encode())
                self.assertEqual(self.read(key), key.encode())
        self.assertEqual(sorted(self.keys(), key=str.encode), sorted(keys, key=str.encode))
        self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
        self.assertEqual(self.keys(), [])

    def test_what_was_said_of_it_is_kept(self):
        expires = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
        self.put("k", ContentType="text/x", ContentEncoding="zstd", ContentLanguage="de", CacheControl="no-store",
                 ContentDisposition="attachment", Expires=expires, Metadata={"host": "file server", "n": "1"},
                 StorageClass="STANDARD_IA", Tagging="a=1&b=2", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/my-key")
        for reply in (self.head("k"), self.get("k")):
            self.assertEqual(reply["ContentType"], "text/x")
            self.assertEqual(reply["ContentEncoding"], "zstd")
            self.assertEqual(reply["ContentLanguage"], "de")
            self.assertEqual(reply["CacheControl"], "no-store")
            self.assertEqual(reply["ContentDisposition"], "attachment")
            self.assertEqual(reply["Expires"], expires)
            self.assertEqual(reply["Metadata"], {"host": "file server", "n": "1"})
            self.assertEqual(reply["StorageClass"], "STANDARD_IA")
            self.assertEqual(reply["ServerSideEncryption"], "aws:kms")
            self.assertEqual(reply["SSEKMSKeyId"], "alias/my-key")
            self.assertEqual(reply["ETag"], f'"{hashlib.md5(b"data").hexdigest()}"')
            self.assertEqual(reply["ContentLength"], 4)
        self.assertNotIn("StorageClass", self.put("l") and self.head("l"))
        self.assertEqual(self.get("k", ResponseContentType="text/html")["ContentType"], "text/html")

    def test_pieces_of_it(self):
        data = noise(3 * MIB + 17)
        self.put("k", data)
        for asked, first, end in (("0-0", 0, 1), ("1000-1048576", 1000, MIB + 1), (f"{3 * MIB}-", 3 * MIB, None),
                                  ("-5", -5, None), ("5-99999999", 5, None)):
            reply = self.get("k", Range="bytes=" + asked)
            self.assertEqual(reply["Body"].read(), data[first:end])
            self.assertEqual(reply["ResponseMetadata"]["HTTPStatusCode"], 206)
        self.assertEqual(self.get("k", Range="bytes=1-2")["ContentRange"], f"bytes 1-2/{len(data)}")
        with self.refused("InvalidRange", 416):
            self.get("k", Range=f"bytes={len(data)}-")
        self.put("empty", b"")
        self.assertEqual(self.read("empty"), b"")
        self.assertEqual(self.head("k", Range="bytes=0-9")["ContentLength"], 10)

    def test_conditions_of_readers(self):
        etag = self.put("k")["ETag"]
        when = self.head("k")["LastModified"]
        hour = datetime.timedelta(hours=1)
        self.assertEqual(self.read("k", IfMatch=etag, IfUnmodifiedSince=when - hour), b"data")
        for status, code, more in ((412, "PreconditionFailed", {"IfMatch": '"other"'}),
                                   (412, "PreconditionFailed", {"IfUnmodifiedSince": when - hour}),
                                   (304, "304", {"IfNoneMatch": etag}), (304, "304", {"IfModifiedSince": when})):
            with self.subTest(str(more)), self.refused(code, status):
                self.get("k", **more)
        self.assertEqual(self.read("k", IfNoneMatch='"other"', IfModifiedSince=when - hour), b"data")

    def test_conditions_of_writers(self):
        def put(key, **headers):
            status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/{key}", b"new", headers)
            return status, body.decode()
        self.assertEqual(put("k", **{"If-None-Match": "*"})[0], 200)
        status, body = put("k", **{"If-None-Match": "*"})
        self.assertEqual(status, 412)
        self.assertIn("<Code>PreconditionFailed</Code><Message>", body)
        self.assertIn("<Condition>If-None-Match</Condition>", body)
        etag = self.head("k")["ETag"]
        self.assertEqual(put("k", **{"If-Match": etag})[0], 200)
        self.assertEqual(put("k", **{"If-Match": '"other"'})[0], 412)
        self.assertEqual(put("nothing", **{"If-Match": etag})[0], 404)
        self.assertEqual(put("k", **{"If-None-Match": etag})[0], 501)
        self.assertEqual(self.keys(), ["k"])

    def test_errors_tell_what_and_of_what(self):
        with self.refused("NoSuchKey", 404) as raised:
            self.get("nothing")
        self.assertEqual(raised.exception.response["Error"]["Key"], "nothing")
        with self.refused("404", 404):
            self.head("nothing")
        with self.refused("NoSuchBucket", 404) as raised:
            self.client.get_object(Bucket="nothing", Key="k")
        self.assertEqual(raised.exception.response["Error"]["BucketName"], "nothing")
        for more, code in (({"StorageClass": "LUKEWARM"}, "InvalidStorageClass"),
                           ({"Metadata": {"a": "x" * 2048}}, "MetadataTooLarge"),
                           ({"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
                           ({"ContentMD5": "AAAA"}, "InvalidDigest"),
                           ({"ServerSideEncryption": "rot13"}, "InvalidEncryptionAlgorithmError")):
            with self.subTest(code), self.refused(code):
                self.put("k", **more)
        status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/k", b"", {"Content-Length": str((5 << 30) + 1)})
        self.assertEqual((status, b"EntityTooLarge" in body), (400, True), body)
        status, _, body = http_request(self.sim, "GET", f"/{BUCKET}/k?acl")
        self.assertEqual((status, b"NotImplemented" in body), (501, True), body)
        status, _, body = http_request(self.sim, "GET", f"/{BUCKET}/" + "k" * 1025)
        self.assertEqual((status, b"KeyTooLongError" in body), (400, True), body)
        self.assertEqual(self.keys(), [])

    def test_cold_ones_are_seen_but_not_read(self):
        for name in ("GLACIER", "DEEP_ARCHIVE"):
            self.put(name, StorageClass=name)
            self.assertEqual(self.head(name)["StorageClass"], name)
            with self.refused("InvalidObjectState", 403) as raised:
                self.get(name)
            self.assertEqual(raised.exception.response["Error"]["StorageClass"], name)
            with self.refused("InvalidObjectState", 403):
                self.client.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/{name}")
        self.put("ir", StorageClass="GLACIER_IR")
        self.assertEqual(self.read("ir"), b"data")

    def test_copies(self):
        data = noise(2 * MIB)
        self.put("a b+c", data, Metadata={"x": "y"}, ContentType="text/x", ChecksumAlgorithm="SHA256")
        copied = self.client.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a b+c"},
                                         StorageClass="GLACIER_IR")["CopyObjectResult"]
        self.assertEqual(copied["ChecksumSHA256"], sha256(data))
        self.client.delete_object(Bucket=BUCKET, Key="a b+c")
        reply = self.get("copy")
        self.assertEqual(reply["Body"].read(), data)
        self.assertEqual((reply["Metadata"], reply["ContentType"], reply["StorageClass"]),
                         ({"x": "y"}, "text/x", "GLACIER_IR"))
        self.client.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/copy", MetadataDirective="REPLACE",
                                Metadata={"z": "1"})
        self.assertEqual(self.head("copy")["Metadata"], {"z": "1"})
        with self.refused("InvalidRequest"):
            self.client.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/copy")
        with self.refused("NoSuchKey", 404):
            self.client.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/nothing")

    def test_deleting(self):
        self.put("a")
        for _ in range(2):  # what is not there is as good as deleted
            self.client.delete_object(Bucket=BUCKET, Key="a")
        for key in "bcd":
            self.put(key)
        reply = self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b"}, {"Key": "nothing"}]})
        self.assertEqual([entry["Key"] for entry in reply["Deleted"]], ["b", "nothing"])
        self.assertNotIn("Deleted", self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "c"}],
                                                                                      "Quiet": True}))
        self.assertEqual(self.keys(), ["d"])
        body = b"<Delete><Object><Key>d</Key></Object></Delete>"
        status, _, answer = http_request(self.sim, "POST", f"/{BUCKET}?delete", body)
        self.assertEqual((status, b"InvalidRequest" in answer), (400, True), answer)
        with self.refused("MalformedXML"):
            self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": f"{i}"} for i in range(1001)]})
        self.assertEqual(self.keys(), ["d"])


class Checksums(S3Test):
    def test_each_is_checked_and_kept(self):
        data = noise(2 * MIB + 1)
        values = {"SHA256": sha256(data), "SHA1": base64.b64encode(hashlib.sha1(data).digest()).decode(),
                  "CRC32": base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()}
        for algorithm, value in values.items():
            with self.subTest(algorithm):
                self.assertEqual(self.put("k", data, ChecksumAlgorithm=algorithm)["Checksum" + algorithm], value)
                self.assertEqual(self.head("k", ChecksumMode="ENABLED")["Checksum" + algorithm], value)
                self.assertEqual(self.get("k", ChecksumMode="ENABLED")["Body"].read(), data)
                self.assertNotIn("Checksum" + algorithm, self.head("k"))
                header = "x-amz-checksum-" + algorithm.lower()
                status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/other", data[1:], {header: value})
                self.assertEqual((status, b"BadDigest" in body), (400, True), body)
                attributes = self.client.get_object_attributes(Bucket=BUCKET, Key="k", ObjectAttributes=[
                    "ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"])
                self.assertEqual(attributes["Checksum"]["Checksum" + algorithm], value)
                self.assertEqual((attributes["ObjectSize"], attributes["StorageClass"]), (len(data), "STANDARD"))
                self.assertEqual(attributes["ETag"], hashlib.md5(data).hexdigest())
        self.assertEqual(self.keys(), ["k"])

    def test_without_one_s3_makes_one(self):
        status, headers, _ = http_request(self.sim, "PUT", f"/{BUCKET}/k", b"123456789")
        self.assertEqual((status, headers["x-amz-checksum-crc64nvme"]), (200, "rosUhgp5mIg="))
        self.assertEqual(headers["x-amz-checksum-type"], "FULL_OBJECT")
        _, headers, _ = http_request(self.sim, "HEAD", f"/{BUCKET}/k", headers={"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual(headers["x-amz-checksum-crc64nvme"], "rosUhgp5mIg=")

    def test_claims_that_make_no_sense(self):
        for headers in ({"x-amz-checksum-crc32": "AAAA"}, {"x-amz-checksum-sha256": "y/Q5Jg=="},
                        {"x-amz-checksum-crc32": "y/Q5Jg==", "x-amz-checksum-crc32c": "4waSgw=="},
                        {"x-amz-sdk-checksum-algorithm": "SHA256"}, {"x-amz-trailer": "x-amz-checksum-crc32"}):
            with self.subTest(str(headers)):
                status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/k", b"123456789", headers)
                self.assertEqual((status, b"InvalidRequest" in body), (400, True), body)
        self.assertEqual(self.keys(), [])

    def test_a_trailer_is_checked(self):
        body = b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n"
        headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked",
                   "x-amz-decoded-content-length": "9", "x-amz-trailer": "x-amz-checksum-crc32"}
        status, _, answer = http_request(self.sim, "PUT", f"/{BUCKET}/k", body % b"y/Q5Jg==", headers)
        self.assertEqual(status, 200, answer)
        self.assertEqual(self.read("k"), b"123456789")
        self.assertNotIn("ContentEncoding", self.head("k"))
        status, _, answer = http_request(self.sim, "PUT", f"/{BUCKET}/l", body % b"y/Q5JQ==", headers)
        self.assertEqual((status, b"BadDigest" in answer), (400, True), answer)
        status, _, answer = http_request(self.sim, "PUT", f"/{BUCKET}/l", b"9\r\n123456789\r\n0\r\n\r\n", headers)
        self.assertEqual((status, b"MalformedTrailerError" in answer), (400, True), answer)
        self.assertEqual(self.keys(), ["k"])


class Listings(S3Test):
    def test_pages_and_folders(self):
        names = sorted(f"{a}/{b:03}" for a in ("x", "y", "z") for b in range(50)) + ["zz"]
        for name in names:
            self.put(name, b"")
        for size in (1, 7, 50, 1000):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=BUCKET, PaginationConfig={"PageSize": size})
            self.assertEqual([entry["Key"] for page in pages for entry in page["Contents"]], names)
        old = self.client.get_paginator("list_objects").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 13})
        self.assertEqual([entry["Key"] for page in old for entry in page["Contents"]], names)
        reply = self.client.list_objects_v2(Bucket=BUCKET, Delimiter="/")
        self.assertEqual([entry["Prefix"] for entry in reply["CommonPrefixes"]], ["x/", "y/", "z/"])
        self.assertEqual([entry["Key"] for entry in reply["Contents"]], ["zz"])
        self.assertEqual(reply["KeyCount"], 4)
        pages = self.client.get_paginator("list_objects").paginate(Bucket=BUCKET, Delimiter="/",
                                                                   PaginationConfig={"PageSize": 1})
        self.assertEqual([p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])], ["x/", "y/", "z/"])
        self.assertEqual(self.keys(Prefix="y/", StartAfter="y/047"), ["y/048", "y/049"])
        self.assertEqual(self.keys(MaxKeys=0), [])
        entry = self.client.list_objects_v2(Bucket=BUCKET, Prefix="zz", FetchOwner=True)["Contents"][0]
        self.assertEqual((entry["Size"], entry["StorageClass"], entry["Owner"]["ID"]), (0, "STANDARD", ACCOUNT))
        with self.refused("InvalidArgument"):
            self.client.list_objects_v2(Bucket=BUCKET, ContinuationToken="nonsense")


if __name__ == "__main__":
    unittest.main()
