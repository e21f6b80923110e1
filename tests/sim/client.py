"""boto3 pointed at the simulator, and what the tests of the vault API have in common."""
import contextlib
import io
import json

import simulator

try:
    import boto3
    import botocore.config
    import botocore.exceptions
    from botocore.utils import calculate_tree_hash
except ImportError:
    simulator.skip_all("python3-boto3 is not installed")

TIMES = {"Expedited": (60, 300), "Standard": (3 * 3600, 5 * 3600), "Bulk": (5 * 3600, 12 * 3600)}


def glacier(sim, key=simulator.KEY, secret=simulator.SECRET, token=None, region=simulator.REGION, attempts=1,
            read_timeout=simulator.TIMEOUT_SEC):
    """A client that does not try again unless told to."""
    config = botocore.config.Config(retries={"total_max_attempts": attempts}, read_timeout=read_timeout,
                                    connect_timeout=simulator.TIMEOUT_SEC, proxies={})
    return boto3.session.Session().client("glacier", endpoint_url=sim.url, region_name=region, aws_access_key_id=key,
                                          aws_secret_access_key=secret, aws_session_token=token, config=config)


def tree_hash(data):
    return calculate_tree_hash(io.BytesIO(data))


class VaultTest(simulator.SimulatorTest):
    """self.client, and the vault "photos"."""

    def setUp(self):
        super().setUp()
        self.client = self.connect()
        self.client.create_vault(vaultName="photos")

    def connect(self, sim=None, **more):
        client = glacier(sim or self.sim, **more)
        self.addCleanup(client.close)
        return client

    @contextlib.contextmanager
    def refused(self, code, status=400):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            yield raised
        self.assertEqual(raised.exception.response["Error"]["Code"], code, raised.exception)
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], status, raised.exception)
        self.assertTrue(raised.exception.response["Error"]["Message"])

    def upload(self, data, description="", **more):
        return self.client.upload_archive(vaultName="photos", archiveDescription=description, body=data,
                                          **more)["archiveId"]

    def begin_upload(self, part_size=simulator.MIB, description=""):
        return self.client.initiate_multipart_upload(vaultName="photos", partSize=str(part_size),
                                                     archiveDescription=description)["uploadId"]

    def put_part(self, upload, first, data, **more):
        return self.client.upload_multipart_part(vaultName="photos", uploadId=upload, body=data,
                                                 range=f"bytes {first}-{first + len(data) - 1}/*", **more)

    def complete(self, upload, data, **more):
        more = {"archiveSize": str(len(data)), "checksum": tree_hash(data), **more}
        return self.client.complete_multipart_upload(vaultName="photos", uploadId=upload, **more)["archiveId"]

    def begin_job(self, **parameters):
        return self.client.initiate_job(vaultName="photos", jobParameters=parameters)["jobId"]

    def describe(self, job):
        return self.client.describe_job(vaultName="photos", jobId=job)

    def finish(self, job):
        """Lets the longest time pass that a job takes; its description."""
        self.sim.advance(12 * simulator.HOUR)
        description = self.describe(job)
        self.assertEqual(description["StatusCode"], "Succeeded", description)
        return description

    def output(self, job, **more):
        return self.client.get_job_output(vaultName="photos", jobId=job, **more)

    def download(self, archive, **more):
        job = self.begin_job(Type="archive-retrieval", ArchiveId=archive, **more)
        self.finish(job)
        return self.output(job)["body"].read()

    def inventory(self, **more):
        job = self.begin_job(Type="inventory-retrieval", **more)
        self.finish(job)
        return json.loads(self.output(job)["body"].read())
