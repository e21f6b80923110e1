"""Multipart uploads under boto3: their rules, their checksums, their end."""
import base64
import hashlib
import unittest
import zlib

from s3_client import BUCKET, S3Test, http_request
from simulator import HOUR, MIB, noise

DATA = noise(12 * MIB + 5)
PARTS = [DATA[:5 * MIB], DATA[5 * MIB:10 * MIB], DATA[10 * MIB:]]


def b64(raw):
    return base64.b64encode(raw).decode()


class Multipart(S3Test):
    def upload(self, key="k", parts=PARTS, begin=None, **more):
        upload = self.begin(key, **(begin or {}))
        return upload, [self.part(key, upload, number, data, **more) for number, data in enumerate(parts, 1)]

    def test_parts_become_an_object(self):
        upload, parts = self.upload(begin={"StorageClass": "STANDARD_IA", "Metadata": {"a": "b"}})
        self.assertEqual(self.keys(), [])
        reply = self.complete("k", upload, parts)
        etag = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in PARTS)).hexdigest() + "-3"
        self.assertEqual(reply["ETag"], f'"{etag}"')
        got = self.get("k")
        self.assertEqual(got["Body"].read(), DATA)
        self.assertEqual((got["StorageClass"], got["Metadata"]), ("STANDARD_IA", {"a": "b"}))
        for number, part in enumerate(PARTS, 1):
            got = self.get("k", PartNumber=number)
            self.assertEqual(got["Body"].read(), part)
            self.assertEqual(got["PartsCount"], 3)
        with self.refused("InvalidPartNumber", 416):
            self.get("k", PartNumber=4)
        first = 5 * MIB - 3
        self.assertEqual(self.read("k", Range=f"bytes={first}-{first + 5 * MIB + 5}"), DATA[first:first + 5 * MIB + 6])
        self.assertEqual(self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []), [])

    def test_parts_in_any_order_replaced_and_left_out(self):
        upload = self.begin("k")
        three = self.part("k", upload, 300, PARTS[2])
        self.part("k", upload, 7, PARTS[1])
        one = self.part("k", upload, 7, PARTS[0])
        self.part("k", upload, 9, b"unwanted")
        listed = self.client.list_parts(Bucket=BUCKET, Key="k", UploadId=upload)["Parts"]
        self.assertEqual([(p["PartNumber"], p["Size"]) for p in listed],
                         [(7, 5 * MIB), (9, 8), (300, len(PARTS[2]))])
        self.complete("k", upload, [one, three])
        self.assertEqual(self.read("k"), PARTS[0] + PARTS[2])

    def test_what_complete_refuses(self):
        upload, parts = self.upload()
        with self.refused("InvalidPartOrder"):
            self.complete("k", upload, [parts[1], parts[0]])
        with self.refused("InvalidPartOrder"):
            self.complete("k", upload, [parts[0], parts[0]])
        with self.refused("InvalidPart"):
            self.complete("k", upload, parts + [{"PartNumber": 4, "ETag": parts[0]["ETag"]}])
        with self.refused("InvalidPart"):
            self.complete("k", upload, [{"PartNumber": 1, "ETag": parts[1]["ETag"]}])
        with self.refused("EntityTooSmall") as raised:
            self.complete("k", upload, [parts[0], parts[2], self.part("k", upload, 5, b"last")])
        self.assertEqual(raised.exception.response["Error"]["PartNumber"], "3")
        with self.refused("MalformedXML"):
            self.complete("k", upload, [])
        with self.refused("NoSuchUpload", 404):
            self.complete("k", "nonsense", parts)
        with self.refused("NoSuchUpload", 404):
            self.complete("other key", upload, parts)
        for body in (b"", b"<x", b"<CompleteMultipartUpload><Part/></CompleteMultipartUpload>",
                     b'<!DOCTYPE a [<!ENTITY b "1">]><CompleteMultipartUpload><Part><PartNumber>&b;</PartNumber>'
                     b"<ETag>x</ETag></Part></CompleteMultipartUpload>"):
            status, _, answer = http_request(self.sim, "POST", f"/{BUCKET}/k?uploadId={upload}", body)
            self.assertEqual((status, b"MalformedXML" in answer), (400, True), answer)
        self.assertEqual(self.keys(), [])
        self.complete("k", upload, parts)  # nothing of that has spoilt it
        self.assertEqual(self.read("k"), DATA)

    def test_what_a_part_is_refused_for(self):
        upload = self.begin("k")
        for number in (0, 10001):
            with self.subTest(number), self.refused("InvalidArgument"):
                self.part("k", upload, number, b"x")
        with self.refused("NoSuchUpload", 404):
            self.part("k", "nonsense", 1, b"x")
        with self.refused("InvalidRequest"):
            self.part("k", upload, 1, b"x", ChecksumAlgorithm="SHA256")  # the upload has none
        self.part("k", upload, 10000, b"x")

    def test_a_complete_can_be_repeated_for_a_while(self):
        upload, parts = self.upload()
        first = self.complete("k", upload, parts)
        again = self.complete("k", upload, parts)
        self.assertEqual(again["ETag"], first["ETag"])
        with self.refused("NoSuchUpload", 404):
            self.part("k", upload, 1, b"x")
        self.sim.advance(2 * HOUR)
        with self.refused("NoSuchUpload", 404):
            self.complete("k", upload, parts)

    def test_only_if_nothing_is_there(self):
        upload, parts = self.upload()
        self.put("k", b"first")
        body = "<CompleteMultipartUpload>" + "".join(
            f"<Part><PartNumber>{p['PartNumber']}</PartNumber><ETag>{p['ETag']}</ETag></Part>" for p in parts)
        body = (body + "</CompleteMultipartUpload>").encode()
        target = f"/{BUCKET}/k?uploadId={upload}"
        status, _, answer = http_request(self.sim, "POST", target, body, {"If-None-Match": "*"})
        self.assertEqual((status, b"PreconditionFailed" in answer), (412, True), answer)
        self.client.delete_object(Bucket=BUCKET, Key="k")
        status, _, answer = http_request(self.sim, "POST", target, body, {"If-None-Match": "*"})
        self.assertEqual(status, 200, answer)
        self.assertEqual(self.read("k"), DATA)

    def test_composite_checksums(self):
        upload, parts = self.upload(begin={"ChecksumAlgorithm": "SHA256"}, ChecksumAlgorithm="SHA256")
        digests = [hashlib.sha256(part).digest() for part in PARTS]
        self.assertEqual([part["ChecksumSHA256"] for part in parts], [b64(digest) for digest in digests])
        listed = self.client.list_parts(Bucket=BUCKET, Key="k", UploadId=upload)
        self.assertEqual(listed["ChecksumAlgorithm"], "SHA256")
        self.assertEqual([part["ChecksumSHA256"] for part in listed["Parts"]], [b64(digest) for digest in digests])
        with self.refused("InvalidRequest"):
            self.part("k", upload, 1, PARTS[0])
        with self.refused("InvalidRequest"):
            self.complete("k", upload, [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts])
        with self.refused("InvalidPart"):
            self.complete("k", upload, [parts[0], parts[1], {**parts[2], "ChecksumSHA256": b64(digests[0])}])
        with self.refused("BadDigest"):
            self.complete("k", upload, parts, ChecksumSHA256=b64(digests[0]))
        with self.refused("InternalError", 500):
            self.complete("k", upload, parts[1:])  # must be 1, 2, 3, …
        whole = b64(hashlib.sha256(b"".join(digests)).digest()) + "-3"
        self.assertEqual(self.complete("k", upload, parts, ChecksumSHA256=whole)["ChecksumSHA256"], whole)
        self.assertEqual(self.head("k", ChecksumMode="ENABLED")["ChecksumSHA256"], whole)
        attributes = self.client.get_object_attributes(Bucket=BUCKET, Key="k", MaxParts=2,
                                                       ObjectAttributes=["Checksum", "ObjectParts"])
        self.assertEqual(attributes["Checksum"]["ChecksumSHA256"], whole[:-2])
        self.assertEqual(attributes["ObjectParts"]["TotalPartsCount"], 3)
        self.assertTrue(attributes["ObjectParts"]["IsTruncated"])
        self.assertEqual([part["ChecksumSHA256"] for part in attributes["ObjectParts"]["Parts"]],
                         [b64(digest) for digest in digests[:2]])

    def test_checksums_of_the_whole(self):
        status, _, body = http_request(self.sim, "POST", f"/{BUCKET}/k?uploads", b"", {
            "x-amz-checksum-algorithm": "CRC32", "x-amz-checksum-type": "FULL_OBJECT"})
        self.assertEqual(status, 200, body)
        upload = body.split(b"<UploadId>")[1].split(b"<")[0].decode()
        parts = [self.part("k", upload, number, data, ChecksumAlgorithm="CRC32") for number, data in enumerate(PARTS, 1)]
        whole = b64(zlib.crc32(DATA).to_bytes(4, "big"))
        with self.refused("BadDigest"):
            self.complete("k", upload, parts, ChecksumCRC32="AAAAAA==")
        reply = self.complete("k", upload, parts, ChecksumCRC32=whole)
        self.assertEqual(reply["ChecksumCRC32"], whole)
        # Without any checksum S3 makes a CRC64NVME of the whole: the same as of one put.
        upload, parts = self.upload("l")
        self.complete("l", upload, parts)
        self.put("m", DATA)
        values = [http_request(self.sim, "HEAD", f"/{BUCKET}/{key}", headers={"x-amz-checksum-mode": "ENABLED"})[1]
                  ["x-amz-checksum-crc64nvme"] for key in "lm"]
        self.assertEqual(values[0], values[1])
        for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
            status, _, body = http_request(self.sim, "POST", f"/{BUCKET}/k?uploads", b"", {
                "x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": kind})
            self.assertEqual((status, b"InvalidRequest" in body), (400, True), body)

    def test_uploads_are_listed_and_aborted(self):
        uploads = {key: self.begin(key, StorageClass="DEEP_ARCHIVE") for key in ("a/1", "a/2", "b")}
        listed = self.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        self.assertEqual({entry["Key"]: entry["UploadId"] for entry in listed}, uploads)
        self.assertEqual({entry["StorageClass"] for entry in listed}, {"DEEP_ARCHIVE"})
        pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET,
                                                                             PaginationConfig={"PageSize": 1})
        self.assertEqual([entry["Key"] for page in pages for entry in page["Uploads"]], ["a/1", "a/2", "b"])
        rolled = self.client.list_multipart_uploads(Bucket=BUCKET, Delimiter="/")
        self.assertEqual([entry["Prefix"] for entry in rolled["CommonPrefixes"]], ["a/"])
        self.assertEqual([entry["Key"] for entry in rolled["Uploads"]], ["b"])
        self.part("b", uploads["b"], 1, b"x")
        self.client.abort_multipart_upload(Bucket=BUCKET, Key="b", UploadId=uploads["b"])
        with self.refused("NoSuchUpload", 404):
            self.client.abort_multipart_upload(Bucket=BUCKET, Key="b", UploadId=uploads["b"])
        with self.refused("NoSuchUpload", 404):
            self.client.list_parts(Bucket=BUCKET, Key="b", UploadId=uploads["b"])


if __name__ == "__main__":
    unittest.main()
