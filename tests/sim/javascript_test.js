// What javascript_test.py has Amazon's JavaScript SDK do: node javascript_test.js URL FILE TREE-HASH. The vault
// "photos" is there; the file goes up at once and in parts, and comes back. Prints what came of it as JSON.
const fs = require("fs");
const glacier = require("@aws-sdk/client-glacier");

const [url, file, checksum] = process.argv.slice(2);
const PART = 1 << 20;
const vault = { accountId: "-", vaultName: "photos" };

function connect(secret) {
  return new glacier.GlacierClient({
    endpoint: url, region: process.env.AWS_REGION, maxAttempts: 1,
    credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: secret },
  });
}

async function hours(n) {
  await fetch(url + "/_sim/clock", { method: "POST", body: JSON.stringify({ advance_seconds: n * 3600 }) });
}

async function main() {
  const client = connect(process.env.AWS_SECRET_ACCESS_KEY);
  const send = (command, input) => client.send(new glacier[command + "Command"]({ ...vault, ...input }));
  const data = fs.readFileSync(file);
  const out = {};

  const single = await send("UploadArchive", { archiveDescription: "at once", body: data });
  out.single = single.checksum;

  const { uploadId } = await send("InitiateMultipartUpload",
    { partSize: String(PART), archiveDescription: "in parts" });
  for (let first = 0; first < data.length; first += PART) {
    const part = data.subarray(first, first + PART);
    await send("UploadMultipartPart",
      { uploadId, range: `bytes ${first}-${first + part.length - 1}/*`, body: part });
  }
  out.parts = (await send("ListParts", { uploadId })).Parts.length;
  const parted = await send("CompleteMultipartUpload", { uploadId, archiveSize: String(data.length), checksum });

  await hours(24);
  const jobs = {};
  for (const archive of [single.archiveId, parted.archiveId])
    jobs[archive] = (await send("InitiateJob",
      { jobParameters: { Type: "archive-retrieval", ArchiveId: archive, Tier: "Bulk" } })).jobId;
  const inventory = (await send("InitiateJob", { jobParameters: { Type: "inventory-retrieval" } })).jobId;
  await hours(12);
  const fetch_all = async (jobId) =>
    Buffer.from(await (await send("GetJobOutput", { jobId })).body.transformToByteArray());
  out.same = [];
  for (const jobId of Object.values(jobs)) out.same.push((await fetch_all(jobId)).equals(data));
  out.descriptions = JSON.parse((await fetch_all(inventory)).toString()).ArchiveList
    .map((entry) => entry.ArchiveDescription).sort();
  out.listed = (await send("ListJobs", {})).JobList.length;
  await send("DeleteArchive", { archiveId: single.archiveId });

  try {
    await connect("wrong").send(new glacier.ListVaultsCommand({ accountId: "-" }));
  } catch (error) {
    out.refused = error.name;
  }
  console.log(JSON.stringify(out));
}

main().catch((error) => { console.error(error); process.exit(1); });
