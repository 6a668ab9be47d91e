// The JavaScript SDK of Azure Files, unmodified. Arguments: part, endpoint, account, key, tree of the share "data".
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import dns from "node:dns";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AccountSASPermissions,
  FileSASPermissions,
  ShareServiceClient,
  StorageSharedKeyCredential,
  ShareFileClient,
  generateFileSASQueryParameters,
} from "@azure/storage-file-share";

// The account's name in the host name, which no name server knows.
const lookup = dns.lookup;
dns.lookup = (name, options, done) => lookup(name.endsWith(".wharf.test") ? "127.0.0.1" : name, options, done);

const [part, endpoint, account, key, tree] = process.argv.slice(2);
const credential = new StorageSharedKeyCredential(account, key);
const fast = { retryOptions: { maxTries: 1 } };
const service = new ShareServiceClient(endpoint, credential, fast);
const data = service.getShareClient("data");

async function fails(code, work) {
  await assert.rejects(work, (error) => {
    assert.equal(error.code ?? error.details?.errorCode, code, `${error}`);
    return true;
  });
}

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

async function shares() {
  const made = service.getShareClient("first");
  await made.create({ metadata: { owner: "me" }, quota: 7, accessTier: "Hot" });
  await fails("ShareAlreadyExists", () => made.create());
  assert.equal((await made.createIfNotExists()).succeeded, false);
  let shown = await made.getProperties();
  assert.deepEqual([shown.quota, shown.metadata, shown.accessTier], [7, { owner: "me" }, "Hot"]);
  await made.setQuota(8);
  await made.setMetadata({ other: "you" });
  shown = await made.getProperties();
  assert.deepEqual([shown.quota, shown.metadata], [8, { other: "you" }]);
  assert.equal((await made.getStatistics()).shareUsageBytes, 0);
  const listed = await all(service.listShares({ includeMetadata: true }));
  assert.deepEqual(listed.map((share) => share.name), ["data", "first"]);
  assert.deepEqual(listed[1].metadata, { other: "you" });
  const pages = await all(service.listShares().byPage({ maxPageSize: 1 }));
  assert.equal(pages.length, 2);
  const expiresOn = new Date(Date.now() + 3600e3);
  await made.setAccessPolicy([{ id: "readers", accessPolicy: { startsOn: new Date(), expiresOn, permissions: "r" } }]);
  const policy = await made.getAccessPolicy();
  assert.equal(policy.signedIdentifiers[0].id, "readers");
  assert.equal((await service.getProperties()).hourMetrics.enabled, false);
  await service.setProperties({ cors: [] });
  await made.delete();
  assert.equal(await made.exists(), false);
}

async function directories() {
  const { directoryClient: made } = await data.createDirectory("dir", { metadata: { k: "v" } });
  await fails("ResourceAlreadyExists", () => made.create());
  const { directoryClient: sub } = await made.createSubdirectory("sub dir ü%+&");
  assert.equal(await sub.exists(), true);
  const shown = await made.getProperties();
  assert.deepEqual([shown.metadata, shown.fileAttributes], [{ k: "v" }, "Directory"]);
  assert.ok(shown.fileCreatedOn && shown.fileLastWriteOn && shown.fileChangeOn && shown.fileId);
  await made.setMetadata({ other: "w" });
  await made.setProperties({ lastWriteTime: new Date("2021-01-02T03:04:05Z") });
  assert.equal((await made.getProperties()).fileLastWriteOn.getUTCFullYear(), 2021);
  await sub.createFile("file #1&.txt", 3);
  await made.createFile("b", 5);
  const options = { includeTimestamps: true, includeEtag: true, includeAttributes: true, includePermissionKey: true };
  const listed = await all(made.listFilesAndDirectories(options));
  assert.deepEqual(listed.map((one) => [one.kind, one.name]).sort(), [["directory", "sub dir ü%+&"], ["file", "b"]]);
  const file = listed.find((one) => one.kind === "file");
  assert.equal(file.properties.contentLength, 5);
  assert.ok(file.properties.lastWriteTime && file.properties.etag && file.attributes);
  assert.equal((await all(made.listFilesAndDirectories().byPage({ maxPageSize: 1 }))).length, 2);
  await fails("DirectoryNotEmpty", () => made.delete());
  const { destinationDirectoryClient: moved } = await made.rename("moved");
  assert.equal(await made.exists(), false);
  assert.equal((await moved.getDirectoryClient("sub dir ü%+&").getFileClient("file #1&.txt").getProperties()).contentLength, 3);
  assert.deepEqual(await all(moved.listHandles()), []);
  assert.equal((await moved.forceCloseAllHandles({ recursive: true })).closedHandlesCount, 0);
}

async function files() {
  const root = data.rootDirectoryClient;
  const file = root.getFileClient("file");
  const content = randomBytes((9 << 20) + 123);
  await file.uploadData(content, {
    fileHttpHeaders: { fileContentType: "text/x", fileCacheControl: "no-store" },
    metadata: { k: "v" },
    concurrency: 3,
  });
  assert.ok(readFileSync(join(tree, "file")).equals(content));
  const shown = await file.getProperties();
  assert.deepEqual([shown.contentLength, shown.contentType, shown.cacheControl], [content.length, "text/x", "no-store"]);
  assert.deepEqual(shown.metadata, { k: "v" });
  assert.ok((await file.downloadToBuffer()).equals(content));
  const down = await file.download(5, 7, { rangeGetContentMD5: true });
  assert.ok(down.contentMD5 && down.contentRange.startsWith("bytes 5-11/"));
  const chunks = [];
  for await (const chunk of down.readableStreamBody) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(content.subarray(5, 12)));
  await file.uploadRange("hello", 3, 5);
  await file.clearRange(512, 512);
  const part = await file.downloadToBuffer(0, 1024);
  assert.equal(part.subarray(3, 8).toString(), "hello");
  assert.ok(part.subarray(512).every((byte) => byte === 0));
  assert.equal((await file.getRangeList()).rangeList.length, 1);
  await file.resize(100);
  assert.equal((await file.getProperties()).contentType, "text/x");
  await file.setHttpHeaders({ fileContentType: "text/y" });
  const changed = await file.getProperties();
  assert.deepEqual([changed.contentType, changed.cacheControl, changed.contentLength], ["text/y", undefined, 100]);
  const copy = root.getFileClient("copy");
  assert.equal((await copy.startCopyFromURL(file.url)).copyStatus, "success");
  assert.equal((await copy.getProperties()).copyStatus, "success");
  const query = generateFileSASQueryParameters(
    { shareName: "data", filePath: "file", expiresOn: new Date(Date.now() + 3600e3), permissions: FileSASPermissions.parse("r") },
    credential,
  );
  await copy.uploadRangeFromURL(`${file.url}?${query}`, 3, 0, 5);
  assert.equal((await copy.downloadToBuffer(0, 5)).toString(), "hello");
  const { destinationFileClient: renamed } = await copy.rename("renamed");
  assert.equal(await copy.exists(), false);
  await fails("ResourceAlreadyExists", () => renamed.rename("file"));
  await renamed.rename("file", { replaceIfExists: true });
  assert.deepEqual(await all(file.listHandles()), []);
  await root.getFileClient("empty").create(0);
  assert.equal((await root.getFileClient("empty").downloadToBuffer()).length, 0);
  await file.delete();
  assert.equal(await file.exists(), false);
  await fails("InvalidResourceName", () => root.getFileClient("a:b").create(1));
}

async function signatures() {
  const file = data.rootDirectoryClient.getFileClient("file ü");
  await file.uploadData(Buffer.from("content"));
  const expiresOn = new Date(Date.now() + 3600e3);
  const reader = service.generateAccountSasUrl(expiresOn, AccountSASPermissions.parse("rl"), "sco");
  const signed = new ShareServiceClient(reader, undefined, fast).getShareClient("data");
  const seen = signed.rootDirectoryClient.getFileClient("file ü");
  assert.equal((await seen.downloadToBuffer()).toString(), "content");
  await fails("AuthorizationPermissionMismatch", () => seen.delete());
  const query = generateFileSASQueryParameters(
    { shareName: "data", filePath: "file ü", expiresOn, permissions: FileSASPermissions.parse("r") },
    credential,
  );
  const one = new ShareFileClient(`${file.url}?${query}`, undefined, fast);
  assert.equal((await one.downloadToBuffer()).toString(), "content");
  await fails("AuthorizationPermissionMismatch", () => one.delete());
  const stranger = new StorageSharedKeyCredential(account, Buffer.from("no").toString("base64"));
  const refused = new ShareServiceClient(endpoint, stranger, fast);
  await fails("AuthenticationFailed", () => refused.getProperties());
}

await { shares, directories, files, signatures }[part]();
