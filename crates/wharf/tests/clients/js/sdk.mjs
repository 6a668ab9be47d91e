// @azure/arm-containerinstance, unmodified, through the whole life of a group.
// The Rust side passes everything in the environment (see `main.rs`).
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { ContainerInstanceManagementClient } from "@azure/arm-containerinstance";
import { ClientSecretCredential } from "@azure/identity";

const {
  WHARF_URL: url,
  WHARF_SUBSCRIPTION: subscription,
  WHARF_LOCATION: location,
  WHARF_IMAGE: image,
  WHARF_TOKEN: token,
} = process.env;
const home = "js-sdk";

const staticToken = (token) => ({
  getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3600_000 }),
});

function credential() {
  const env = process.env;
  if (!env.AZURE_CLIENT_SECRET) return staticToken(token);
  return new ClientSecretCredential(
    env.AZURE_TENANT_ID,
    env.AZURE_CLIENT_ID,
    env.AZURE_CLIENT_SECRET,
    { authorityHost: env.AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true },
  );
}

function client(who) {
  const options = { endpoint: url, credentialScopes: [`${url}/.default`] };
  return new ContainerInstanceManagementClient(who, subscription, options);
}

// The package for resource groups would be another 20 MB; one request does.
async function resourceGroup(method, body) {
  const { token } = await credential().getToken(`${url}/.default`);
  const path = `/subscriptions/${subscription}/resourceGroups/${home}?api-version=2022-09-01`;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
  assert(answer.ok, `${method} ${path}: ${answer.status} ${await answer.text()}`);
}

const group = (command) => ({
  location,
  osType: "Linux",
  restartPolicy: "Never",
  containers: [
    {
      name: "main",
      image,
      command,
      environmentVariables: [
        { name: "GREETING", value: "hello" },
        { name: "PASSWORD", secureValue: "not-to-be-seen" },
      ],
      resources: { requests: { cpu: 0.1, memoryInGB: 0.1 } },
      ports: [{ port: 80 }],
    },
  ],
  ipAddress: { type: "Public", ports: [{ port: 80, protocol: "TCP" }] },
});

async function waitFor(what, isTrue, limit = 30_000) {
  const deadline = Date.now() + limit;
  while (!(await isTrue())) {
    assert(Date.now() < deadline, `waited ${limit} ms for ${what}`);
    await pause(50);
  }
}

const all = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
};

// create → poll → get → list → logs → stop → start → restart → patch → delete
async function lifecycle() {
  const { containerGroups: groups, containers } = client(credential());
  const script = ["sh", "-c", 'echo "$GREETING $PASSWORD"; sleep 1000'];
  const made = await groups.beginCreateOrUpdateAndWait(home, "life", group(script));
  assert.equal(made.provisioningState, "Succeeded");
  assert.equal(made.name, "life");
  assert.deepEqual(made.initContainers, []);

  const got = await groups.get(home, "life");
  assert.equal(got.instanceView.state, "Running");
  const [main] = got.containers;
  assert.equal(main.instanceView.currentState.state, "Running");
  assert.equal(main.resources.requests.memoryInGB, 0.1);
  const secure = main.environmentVariables.find((one) => one.name === "PASSWORD");
  assert.deepEqual(Object.keys(secure), ["name"], "secrets stay inside");
  assert.match(got.ipAddress.ip, /^\d+\.\d+\.\d+\.\d+$/);

  for (const pages of [groups.list(), groups.listByResourceGroup(home)]) {
    const found = await all(pages);
    assert.deepEqual(found.map((one) => one.name), ["life"]);
    assert.equal(found[0].instanceView, undefined, "lists have no instance view");
  }

  const log = async (options) =>
    (await containers.listLogs(home, "life", "main", options)).content;
  await waitFor("the log", async () => (await log()) === "hello not-to-be-seen\n");
  assert.match(await log({ tail: 1, timestamps: true }), /Z hello not-to-be-seen\n$/);

  const state = async () => (await groups.get(home, "life")).instanceView.state;
  await groups.stop(home, "life");
  await waitFor("the stop", async () => (await state()) === "Stopped");
  await groups.beginStartAndWait(home, "life");
  await waitFor("the start", async () => (await state()) === "Running");
  const started = async () => {
    const [{ instanceView }] = (await groups.get(home, "life")).containers;
    return instanceView?.currentState?.state === "Running" && instanceView.currentState.startTime;
  };
  const before = await started();
  await groups.beginRestartAndWait(home, "life");
  await waitFor("the restart", async () => {
    const now = await started();
    return now && now > before;
  });

  const patched = await groups.update(home, "life", { tags: { a: "b" } });
  assert.deepEqual(patched.tags, { a: "b" });

  const gone = await groups.beginDeleteAndWait(home, "life");
  assert.equal(gone.name, "life");
  await assert.rejects(groups.get(home, "life"), { code: "ResourceNotFound", statusCode: 404 });
}

// What is refused arrives as a RestError with Azure's code.
async function errors() {
  const { containerGroups: groups } = client(credential());
  await assert.rejects(groups.get(home, "nobody"), { code: "ResourceNotFound" });
  const wrong = { ...group(["true"]), osType: "BeOS" };
  await assert.rejects(groups.beginCreateOrUpdateAndWait(home, "g", wrong), {
    code: "InvalidOsType",
    statusCode: 400,
  });
  const strangers = client(staticToken("not-a-token")).containerGroups;
  await assert.rejects(all(strangers.list()), { statusCode: 401 });
}

await resourceGroup("PUT", { location });
await { lifecycle, errors }[process.argv[2]]();
await resourceGroup("DELETE");
