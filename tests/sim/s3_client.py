"""boto3 as the client of icecore-sim's S3."""
import contextlib
import datetime
import hashlib
import http.client

import simulator

try:
    import boto3
    import botocore.auth
    import botocore.awsrequest
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
except ImportError:
    simulator.skip_all("python3-boto3 is not installed")

BUCKET = "photos"


def connect(sim, key=simulator.KEY, secret=simulator.SECRET, token=None, region=simulator.REGION, attempts=1,
            addressing="path", read_timeout=simulator.TIMEOUT_SEC):
    """A client that does not try again unless told to."""
    config = botocore.config.Config(signature_version="s3v4", retries={"total_max_attempts": attempts},
                                    read_timeout=read_timeout, connect_timeout=simulator.TIMEOUT_SEC, proxies={},
                                    s3={"addressing_style": addressing})
    return boto3.session.Session().client("s3", endpoint_url=sim.url, region_name=region, aws_access_key_id=key,
                                          aws_secret_access_key=secret, aws_session_token=token, config=config)


def sign_request(request, key=simulator.KEY, secret=simulator.SECRET, region=simulator.REGION):
    """Signs what is there, without headers of botocore's own but X-Amz-Date."""
    signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials(key, secret), "s3", region)
    request.context["timestamp"] = datetime.datetime.utcnow().strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))


def http_request(sim, method, target, body=b"", headers=None, sign=True, host=None, key=simulator.KEY,
                 secret=simulator.SECRET, region=simulator.REGION):
    """(status, headers, body) of a request that boto3 would not send as it is; `target` is percent-encoded."""
    headers = dict(headers or {})
    headers.setdefault("x-amz-content-sha256", hashlib.sha256(body).hexdigest())
    if host:
        headers["Host"] = host
    request = botocore.awsrequest.AWSRequest(method, sim.url + target, headers=headers, data=body)
    if sign:
        sign_request(request, key, secret, region)
    connection = http.client.HTTPConnection(sim.address, timeout=simulator.TIMEOUT_SEC)
    try:
        connection.putrequest(method, target, skip_host="Host" in request.headers, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        if "Content-Length" not in request.headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


class S3Test(simulator.SimulatorTest):
    """self.client, and the bucket self.bucket."""

    bucket = BUCKET
    bucket_options = {}

    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.client.create_bucket(Bucket=self.bucket, **self.bucket_options)

    def connect(self, sim=None, **more):
        client = connect(sim or self.sim, **more)
        self.addCleanup(client.close)
        return client

    @contextlib.contextmanager
    def refused(self, code, status=400):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            yield raised
        self.assertEqual(raised.exception.response["Error"]["Code"], code, raised.exception)
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], status, raised.exception)

    def put(self, key, data=b"data", **more):
        return self.client.put_object(Bucket=self.bucket, Key=key, Body=data, **more)

    def get(self, key, **more):
        return self.client.get_object(Bucket=self.bucket, Key=key, **more)

    def head(self, key, **more):
        return self.client.head_object(Bucket=self.bucket, Key=key, **more)

    def read(self, key, **more):
        return self.get(key, **more)["Body"].read()

    def keys(self, **more):
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.bucket, **more).get("Contents", [])]

    def begin(self, key, **more):
        return self.client.create_multipart_upload(Bucket=self.bucket, Key=key, **more)["UploadId"]

    def part(self, key, upload, number, data, **more):
        """What Complete is to be told of it."""
        reply = self.client.upload_part(Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=number, Body=data, **more)
        return {"PartNumber": number, "ETag": reply["ETag"],
                **{name: value for name, value in reply.items() if name.startswith("Checksum") and more}}

    def complete(self, key, upload, parts, **more):
        return self.client.complete_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload,
                                                     MultipartUpload={"Parts": parts}, **more)


class ColdTest(S3Test):
    """The bucket is "ice"; the clock stands at 2027-03-01T10:30:00Z."""

    bucket = "ice"

    def setUp(self):
        super().setUp()
        self.sim.control("clock", {"set": "2027-03-01T10:30:00Z"})

    def restore(self, key, days=1, tier="Standard", **more):
        """The status."""
        done = self.client.restore_object(Bucket=self.bucket, Key=key, **more, RestoreRequest={
            "Days": days, "GlacierJobParameters": {"Tier": tier}})
        return done["ResponseMetadata"]["HTTPStatusCode"]

    def usd(self, what):
        """Dollars of a line of the bill; none is 0."""
        return sum(line["usd"] for line in self.sim.bill()["lines"] if line["what"] == what)

    def lines(self):
        return {line["what"]: line["usd"] for line in self.sim.bill()["lines"] if line["what"].startswith("S3")}
