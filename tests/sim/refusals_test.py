"""What the simulator must not take: signatures, hashes and requests that are wrong. By boto3 where it can say such
things, else by requests that botocore signs and we spoil."""
import datetime
import http.client
import unittest
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials

import simulator
from client import VaultTest, tree_hash
from simulator import KEY, MIB, REGION, SECRET


class Credentials(VaultTest):
    def refused_to(self, code, status, **more):
        with self.refused(code, status):
            self.connect(**more).list_vaults()

    def test_wrong_keys(self):
        self.refused_to("InvalidSignatureException", 403, secret=SECRET + "x")
        self.refused_to("UnrecognizedClientException", 400, key="AKIDOTHER")
        self.refused_to("UnrecognizedClientException", 400, token="made-up")

    def test_wrong_region(self):
        self.refused_to("InvalidSignatureException", 403, region="eu-west-1")

    def test_tokens(self):
        sim = self.run_simulator("--freeze", "--credentials", "AKIDTEMP:secret:the-token", "--credentials",
                                 "AKIDOLD:secret:the-token:20200101T000000Z")
        self.connect(sim, key="AKIDTEMP", secret="secret", token="the-token").list_vaults()
        self.connect(sim).list_vaults()
        self.refused_to("UnrecognizedClientException", 400, sim=sim, key="AKIDTEMP", secret="secret")
        self.refused_to("UnrecognizedClientException", 400, sim=sim, key="AKIDTEMP", secret="secret", token="other")
        self.refused_to("ExpiredTokenException", 403, sim=sim, key="AKIDOLD", secret="secret", token="the-token")

    def test_a_clock_that_is_off(self):
        real = datetime.datetime
        for minutes in (-20, 20):
            class Shifted(real):
                @classmethod
                def utcnow(cls):
                    return real.utcnow() + datetime.timedelta(minutes=minutes)

                @classmethod
                def now(cls, tz=None):
                    return real.now(tz) + datetime.timedelta(minutes=minutes)

            with self.subTest(minutes=minutes), mock.patch("datetime.datetime", Shifted):
                self.refused_to("InvalidSignatureException", 403)

    def test_the_virtual_clock_is_not_what_signatures_are_checked_against(self):
        self.sim.advance(100 * simulator.DAY)
        self.client.list_vaults()


class Wire(VaultTest):
    """Requests that no client sends."""

    def signed(self, method, path, body=b"", headers=(), payload_hash=None):
        """What botocore signs for this request: a dictionary of headers."""
        headers = {"x-amz-glacier-version": "2012-06-01", **dict(headers)}
        if payload_hash:
            headers["x-amz-content-sha256"] = payload_hash
        request = botocore.awsrequest.AWSRequest(method, self.sim.url + path, headers=headers, data=body)
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "glacier", REGION)
        signer.add_auth(request)
        return {**headers, **dict(request.headers.items())}

    def send(self, method, path, headers, body=b""):
        """Status and code of the answer."""
        connection = http.client.HTTPConnection(self.sim.address, timeout=simulator.TIMEOUT_SEC)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        code = text.partition('"code":"')[2].partition('"')[0]
        return response.status, code

    def test_what_botocore_signs_is_taken(self):
        self.assertEqual(self.send("GET", "/-/vaults", self.signed("GET", "/-/vaults")), (200, ""))

    def test_without_a_signature(self):
        self.assertEqual(self.send("GET", "/-/vaults", {"x-amz-glacier-version": "2012-06-01"}),
                         (400, "MissingAuthenticationTokenException"))

    def test_another_path_or_query_than_was_signed(self):
        headers = self.signed("GET", "/-/vaults")
        for path in ("/-/vaults/photos", "/-/vaults?limit=1"):
            self.assertEqual(self.send("GET", path, headers), (403, "InvalidSignatureException"))

    def test_a_header_that_was_changed(self):
        headers = self.signed("PUT", "/-/vaults/new")
        for name, value in (("x-amz-glacier-version", "2012-06-02"), ("X-Amz-Date", "20200101T000000Z")):
            status, code = self.send("PUT", "/-/vaults/new", {**headers, name: value})
            self.assertEqual((status, code), (403, "InvalidSignatureException"), name)

    def test_an_unsigned_header_that_counts(self):
        headers = self.signed("POST", "/-/vaults/photos/multipart-uploads")
        self.assertEqual(self.send("POST", "/-/vaults/photos/multipart-uploads",
                                   {**headers, "x-amz-part-size": str(MIB)}), (403, "InvalidSignatureException"))

    def test_the_version_of_the_interface(self):
        with self.subTest("absent"):
            request = self.signed("GET", "/-/vaults")
            request.pop("x-amz-glacier-version")
            status, _ = self.send("GET", "/-/vaults", request)
            self.assertIn(status, (400, 403))
        headers = self.signed("GET", "/-/vaults", headers={"x-amz-glacier-version": "2011-01-01"})
        self.assertEqual(self.send("GET", "/-/vaults", headers), (400, "InvalidParameterValueException"))

    def upload(self, body, **changed):
        import hashlib
        payload = changed.pop("payload", hashlib.sha256(body).hexdigest())
        headers = {"x-amz-sha256-tree-hash": tree_hash(body), "Content-Length": str(len(body)), **changed}
        headers = {name: value for name, value in headers.items() if value is not None}
        headers = self.signed("POST", "/-/vaults/photos/archives", body, headers, payload)
        return self.send("POST", "/-/vaults/photos/archives", headers, body)

    def test_hashes_of_an_archive(self):
        body = b"some data"
        self.assertEqual(self.upload(body), (201, ""))
        self.assertEqual(self.upload(body, **{"x-amz-sha256-tree-hash": None}),
                         (400, "MissingParameterValueException"))
        for wrong in (tree_hash(b"other"), "x", "", tree_hash(body)[:-1]):
            status, code = self.upload(body, **{"x-amz-sha256-tree-hash": wrong})
            self.assertEqual(status, 400, wrong)
            self.assertIn(code, ("InvalidParameterValueException", "MissingParameterValueException"))
        status, code = self.upload(body, payload=tree_hash(b"other"))
        self.assertIn((status, code), ((400, "InvalidParameterValueException"), (403, "InvalidSignatureException")))
        self.sim.advance(simulator.DAY)
        self.assertEqual(self.client.describe_vault(vaultName="photos")["NumberOfArchives"], 1)

    def test_an_upload_by_boto3_with_a_wrong_tree_hash(self):
        with self.refused("InvalidParameterValueException"):
            self.client.upload_archive(vaultName="photos", body=b"data", checksum=tree_hash(b"other"))
        upload = self.begin_upload()
        with self.refused("InvalidParameterValueException"):
            self.put_part(upload, 0, b"data", checksum=tree_hash(b"other"))
        self.assertEqual(self.client.list_parts(vaultName="photos", uploadId=upload)["Parts"], [])

    def test_a_path_that_is_no_operation(self):
        for method, path in (("PATCH", "/-/vaults"), ("GET", "/"), ("GET", "/-/nothing"), ("DELETE", "/-/vaults")):
            status, _ = self.send(method, path, self.signed(method, path))
            self.assertIn(status, (403, 404, 405), path)

    def test_bytes_that_are_no_http(self):
        import socket
        for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" * 3 + b"\r\n",
                     b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"A" * 200_000):
            with socket.create_connection(self.sim.address.split(":"), simulator.TIMEOUT_SEC) as connection:
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    self.assertIn(connection.recv(13)[:10], (b"", b"HTTP/1.1 4"), data[:20])
                except OSError:
                    pass  # it hung up before all was said
        self.client.list_vaults()


if __name__ == "__main__":
    unittest.main()
