"""boto3's S3 pointed at the simulator, and what the tests of its cold side have in common."""
import contextlib

import simulator

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    simulator.skip_all("python3-boto3 is not installed")


def s3(sim, key=simulator.KEY, secret=simulator.SECRET, region=simulator.REGION):
    """A client that does not try again."""
    config = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=simulator.TIMEOUT_SEC,
                                    connect_timeout=simulator.TIMEOUT_SEC, proxies={},
                                    s3={"addressing_style": "path"})
    return boto3.session.Session().client("s3", endpoint_url=sim.url, region_name=region, aws_access_key_id=key,
                                          aws_secret_access_key=secret, config=config)


class BucketTest(simulator.SimulatorTest):
    """self.client, and the bucket "ice"; the clock stands at 2027-03-01T10:30:00Z."""

    bucket_options = {}

    def setUp(self):
        super().setUp()
        self.sim.control("clock", {"set": "2027-03-01T10:30:00Z"})
        self.client = self.connect()
        self.client.create_bucket(Bucket="ice", **self.bucket_options)

    def connect(self, sim=None, **more):
        client = s3(sim or self.sim, **more)
        self.addCleanup(client.close)
        return client

    @contextlib.contextmanager
    def refused(self, code, status=400):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            yield raised
        self.assertEqual(raised.exception.response["Error"]["Code"], code, raised.exception)
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], status, raised.exception)

    def put(self, key, body=b"data", **more):
        return self.client.put_object(Bucket="ice", Key=key, Body=body, **more)

    def head(self, key, **more):
        return self.client.head_object(Bucket="ice", Key=key, **more)

    def read(self, key, **more):
        return self.client.get_object(Bucket="ice", Key=key, **more)["Body"].read()

    def restore(self, key, days=1, tier="Standard", **more):
        """The status."""
        done = self.client.restore_object(Bucket="ice", Key=key, **more, RestoreRequest={
            "Days": days, "GlacierJobParameters": {"Tier": tier}})
        return done["ResponseMetadata"]["HTTPStatusCode"]

    def usd(self, what):
        """Dollars of a line of the bill; none is 0."""
        return sum(line["usd"] for line in self.sim.bill()["lines"] if line["what"] == what)

    def lines(self):
        return {line["what"]: line["usd"] for line in self.sim.bill()["lines"] if line["what"].startswith("S3")}
