"""Puts, completes and deletes objects until the simulator is gone, and tells of each answer: "what key value"."""
import sys

import botocore.exceptions
from s3_client import BUCKET, connect


class Sim:
    url = "http://" + sys.argv[1]


def tell(what, key, value="-"):
    print(what, key, value, flush=True)


def work(client, seed):
    for i in range(10_000):
        key = f"{seed}/{i % 5}"
        value = f"{seed}-{i}"
        tell("begun", key)
        if i % 3 == 0:
            client.put_object(Bucket=BUCKET, Key=key, Body=value.encode())
        else:
            upload = client.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
            part = client.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=value.encode())
            client.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={
                "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        tell("there", key, value)
        if i % 4 == 3:
            tell("begun", key)
            client.delete_object(Bucket=BUCKET, Key=key)
            tell("gone", key)


try:
    work(connect(Sim), sys.argv[2])
except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
    pass  # it was killed
