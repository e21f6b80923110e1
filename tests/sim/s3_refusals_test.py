"""Who may ask for what: signatures in the head, in the query and of chunks, under botocore and by hand."""
import datetime
import hashlib
import hmac
import re
import unittest
import unittest.mock
import urllib.error
import urllib.request

from s3_client import BUCKET, S3Test, http_request
from simulator import KEY, REGION, SECRET


def fetch(url, **headers):
    """(status, body); no client's signature."""
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class Signatures(S3Test):
    def test_who_is_refused(self):
        with self.refused("InvalidAccessKeyId", 403):
            self.connect(key="AKIDNOBODY").list_buckets()
        with self.refused("SignatureDoesNotMatch", 403):
            self.connect(secret="wrong").list_buckets()
        with self.refused("InvalidToken"):
            self.connect(token="made up").list_buckets()
        with self.refused("AuthorizationHeaderMalformed"):
            self.connect(region="eu-west-1").list_buckets()
        status, _, body = http_request(self.sim, "GET", f"/{BUCKET}", sign=False)
        self.assertEqual((status, b"AccessDenied" in body), (403, True), body)

    def test_clocks_that_are_off(self):
        now = datetime.datetime.utcnow()

        class Off(datetime.datetime):
            minutes = 0

            @classmethod
            def utcnow(cls):
                return now + datetime.timedelta(minutes=cls.minutes)

        for minutes, good in ((-20, False), (-14, True), (14, True), (20, False)):
            Off.minutes = minutes
            with self.subTest(minutes), unittest.mock.patch("datetime.datetime", Off):
                status, _, body = http_request(self.sim, "GET", f"/{BUCKET}")
                self.assertEqual((status, b"RequestTimeTooSkewed" in body), (200, False) if good else (403, True), body)

    def test_the_body_is_what_was_signed(self):
        headers = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
        status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/k", b"body", headers)
        self.assertEqual((status, b"XAmzContentSHA256Mismatch" in body), (400, True), body)
        status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/k", b"body", {"x-amz-content-sha256": "nonsense"})
        self.assertEqual((status, b"InvalidArgument" in body), (400, True), body)
        self.assertEqual(self.keys(), [])
        status, _, body = http_request(self.sim, "PUT", f"/{BUCKET}/k", b"body",
                                       {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        self.assertEqual(status, 200, body)
        self.assertEqual(self.read("k"), b"body")

    def test_presigned_requests(self):
        self.put("a b+c/ü", b"data")
        url = self.presign("get_object", "a b+c/ü", 60)
        self.assertEqual(fetch(url), (200, b"data"))
        status, body = fetch(url.replace("a%20b", "a%20c"))
        self.assertEqual((status, b"SignatureDoesNotMatch" in body), (403, True), body)
        status, body = fetch(re.sub("X-Amz-Expires=60", "X-Amz-Expires=600", url))
        self.assertEqual((status, b"SignatureDoesNotMatch" in body), (403, True), body)
        status, body = fetch(url, **{"x-amz-checksum-mode": "ENABLED"})
        self.assertEqual((status, b"not signed" in body), (403, True), body)
        status, body = fetch(self.presign("get_object", "a b+c/ü", 60, hours_ago=1))
        self.assertEqual((status, b"Request has expired" in body), (403, True), body)
        status, body = fetch(self.presign("get_object", "a b+c/ü", 8 * 24 * 3600))
        self.assertEqual((status, b"AuthorizationQueryParametersError" in body), (400, True), body)

    def presign(self, operation, key, expires, hours_ago=0):
        then = datetime.datetime.utcnow() - datetime.timedelta(hours=hours_ago)

        class Then(datetime.datetime):
            @classmethod
            def utcnow(cls):
                return then

        with unittest.mock.patch("datetime.datetime", Then):
            return self.client.generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=expires)

    def test_chunks_are_signed_one_by_one(self):
        data = b"0123456789" * 10_000
        for spoil in (None, "chunk", "size"):
            with self.subTest(spoil):
                status, body = self.put_chunks(f"chunks-{spoil}", [data[:65536], data[65536:]], spoil)
                if spoil is None:
                    self.assertEqual(status, 200, body)
                    self.assertEqual(self.read("chunks-None"), data)
                else:
                    self.assertEqual((status, b"SignatureDoesNotMatch" in body), (403, True), body)
        self.assertEqual(self.keys(), ["chunks-None"])

    def put_chunks(self, key, pieces, spoil):
        """As "Transferring payload in multiple chunks" of the API reference has it."""
        size = sum(map(len, pieces))
        chunks = [*pieces, b""]
        framed_size = sum(len(f"{len(c):x};chunk-signature=") + 64 + 2 + len(c) + 2 for c in chunks)
        date = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date[:8]}/{REGION}/s3/aws4_request"
        headers = {"host": self.sim.address, "content-encoding": "aws-chunked", "x-amz-date": date,
                   "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                   "x-amz-decoded-content-length": str(size)}
        names = ";".join(sorted(headers))
        canonical = f"PUT\n/{BUCKET}/{key}\n\n" + "".join(f"{n}:{headers[n]}\n" for n in sorted(headers)) + \
            f"\n{names}\nSTREAMING-AWS4-HMAC-SHA256-PAYLOAD"

        def mac(secret, text):
            return hmac.new(secret, text.encode(), hashlib.sha256).digest()

        secret = ("AWS4" + SECRET).encode()
        for step in scope.split("/"):
            secret = mac(secret, step)

        def sign(kind, *lines):
            return mac(secret, "\n".join((kind, date, scope, *lines))).hex()

        previous = sign("AWS4-HMAC-SHA256", hashlib.sha256(canonical.encode()).hexdigest())
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope},SignedHeaders={names},Signature={previous}"
        body = b""
        for chunk in chunks:
            previous = sign("AWS4-HMAC-SHA256-PAYLOAD", previous, hashlib.sha256(b"").hexdigest(),
                            hashlib.sha256(chunk).hexdigest())
            sent = chunk
            if spoil == "chunk" and chunk is pieces[1]:
                sent = b"X" + chunk[1:]
            signature = previous if spoil != "size" or chunk else "0" * 64
            body += f"{len(chunk):x};chunk-signature={signature}\r\n".encode() + sent + b"\r\n"
        self.assertEqual(len(body), framed_size)
        headers.pop("host")
        status, _, answer = http_request(self.sim, "PUT", f"/{BUCKET}/{key}", body, headers, sign=False)
        return status, answer

    def test_hosts_name_buckets(self):
        self.put("a/b c", b"data")
        host = f"{BUCKET}.localhost:{self.sim.address.split(':')[1]}"
        status, _, body = http_request(self.sim, "GET", "/a/b%20c", host=host)
        self.assertEqual((status, body), (200, b"data"))
        status, _, body = http_request(self.sim, "GET", "/?list-type=2", host=f"{BUCKET}.s3.{REGION}.amazonaws.com")
        self.assertEqual((status, b"<Key>a/b c</Key>" in body), (200, True), body)


if __name__ == "__main__":
    unittest.main()
