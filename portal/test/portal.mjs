// The portal in a real browser against a real daemon; crates/wharf/tests/clients/portal.rs runs it.
// Prints RESTART when it wants the daemon killed and started again, and goes on when a line comes in.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { give, send, subscription } from "./arm.mjs";
import { browser, button, confirm, deleteGroup, dialog, look, noButtons, page, password, reach, reload, row, run, settle, shell, signIn, signOut, state, tab, until, visit } from "./browser.mjs";
import { files } from "./files.mjs";
import { places } from "./places.mjs";
import { registries } from "./registries.mjs";

const { WHARF_OWNER: owner, WHARF_READER: reader, WHARF_STRANGER: stranger } = process.env;
const PAGES = ["", "create", "images", "registries", "files", "networks", "access", "activity", "health"];
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** How soon the first page can be used with nothing in the browser's cache, in milliseconds. */
async function load() {
  const network = await browser.newCDPSession(page);
  await network.send("Network.setCacheDisabled", { cacheDisabled: true });
  await visit("/portal/", page.getByText("No container groups yet"));
  const time = await page.evaluate(() => performance.now());
  await network.detach();
  return Math.round(time);
}

/** How much of the daemon's answers goes over the wire until the page is loaded. */
async function weigh(load) {
  const network = await browser.newCDPSession(page);
  await network.send("Network.enable");
  let bytes = 0;
  network.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await load();
  await network.detach();
  return bytes;
}

async function create() {
  let begun;
  const page1 = await weigh(async () => {
    await signIn("nobody", "wrong password", page.getByRole("alert").getByText("wrong"));
    await look("sign-in");
    begun = Date.now();
    await signIn(owner, password, page.getByText("No container groups yet"));
  });
  assert.ok(page1 > 50_000 && page1 <= 400_000, `the first page takes ${page1} bytes`);
  console.log(`first page: ${page1} bytes, to be used after ${await load()} ms`);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).join()), "", "nothing outlives the tab");
  // "Sign in" was the first.
  let clicks = 1;
  const click = async (target) => {
    clicks += 1;
    await target.click();
  };
  await click(button("Create"));
  await page.getByLabel("Container group name").waitFor();
  const name = await page.getByLabel("Container group name").inputValue();
  await click(button("Review + create"));
  await page.getByText("Ready to be created.").waitFor();
  await click(button("Create"));
  await state("Running");
  const [site] = await Promise.all([browser.waitForEvent("page"), click(page.getByRole("link", { name: "Open site" }))]);
  let hasSeen = false;
  await until(site.getByText("Welcome to Azure Container Instances"), async () => {
    if (hasSeen) await site.reload();
    hasSeen = true;
  });
  await site.close();
  const seconds = (Date.now() - begun) / 1000;
  assert.ok(clicks <= 8 && seconds < 60, `${clicks} clicks, ${seconds} s`);
  console.log(`created and opened with ${clicks} clicks in ${seconds.toFixed(1)} s`);
  return name;
}

async function use(name) {
  await look("group");
  await tab("Events").click();
  await page.getByRole("cell", { name: "Started", exact: true }).waitFor();
  await look("events");
  await tab("Logs").click();
  await page.getByRole("log").getByText("listening on port 80").waitFor();
  await look("logs");
  await page.getByLabel("Search in the log").fill("listening");
  await page.getByRole("log").locator("mark").first().waitFor();
  await button("Pause").click();
  await button("Go on").waitFor();
  await tab("Connect").click();
  await shell();
  await page.keyboard.type("echo $((6*7))-answer\n");
  await page.locator(".xterm-rows").getByText("42-answer").first().waitFor();
  await look("terminal");
  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type("exit 7\n");
  await page.getByText("The command has ended with exit code 7.").waitFor();
  await tab("Metrics").click();
  await page.getByText("Memory").first().waitFor();
  await look("metrics");
  await tab("YAML").click();
  await button("Edit").click();
  const text = page.getByRole("textbox", { name: "YAML" });
  const known = await text.inputValue();
  await text.fill("");
  await button("Show changes").click();
  await page.getByText("This is no container group").waitFor();
  await text.fill(`${known}tags:\n  by: portal\nidentity:\n  type: SystemAssigned\n`);
  await button("Show changes").click();
  await page.getByText("+   by: portal").waitFor();
  await look("yaml");
  await button("Apply").click();
  await page.getByRole("region", { name: "YAML" }).getByText("by: portal").waitFor();
  await tabs();

  // A reload in the middle, and a daemon that dies meanwhile.
  await reload(page.locator("h1").getByText("Running", { exact: true }));
  console.log("RESTART");
  await lines.next();
  await tab("Overview").click();
  await button("Stop").click();
  await state("Stopped");
  await button("Start").click();
  await state("Running");
}

async function tabs() {
  for (const [name, text] of [
    ["Containers", "the image's own"], ["Networking", "Unsecure"], ["Volumes", "This group has no volumes"],
    ["Identity", "No roles: its tokens open nothing"], ["Activity log", "containerGroups/write"],
  ]) {
    await tab(name).click();
    await page.getByText(text).first().waitFor();
    await look(`group-${name.toLowerCase().replace(" ", "-")}`);
  }
  await tab("Overview").click();
  await button("Edit tags").click();
  await button("Add tag").click();
  await dialog.getByLabel("Tag", { exact: true }).last().fill("team");
  await dialog.getByLabel("Value").last().fill("web");
  await look("group-tags");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("by: portal, team: web").waitFor();
}

async function refuse() {
  await visit("/portal/create", page.getByLabel("Container group name"));
  const name = page.getByLabel("Container group name");
  await name.fill("Not A Name");
  await page.getByText("Use 1 to 63 lowercase letters").waitFor();
  await name.fill("refused");
  await tab("Networking").click();
  await page.getByLabel("DNS name label").fill("UP");
  await page.getByText("Use 5 to 63 lowercase").waitFor();
  await page.getByLabel("DNS name label").fill("");
  await look("create-networking");
  await reload(name);
  assert.equal(await name.inputValue(), "refused", "a reload keeps the draft");
  await look("create-basics");
  await page.getByLabel("Image source").selectOption("other");
  await page.getByLabel("Image", { exact: false }).last().fill("127.0.0.1:1/none:1");
  await tab("Networking").click();
  await button("Add port").click();
  await page.getByLabel("Port", { exact: true }).last().fill("80");
  await tab("Advanced").click();
  await button("Add variable").click();
  await look("create-advanced");
  await tab("Volumes").click();
  await button("Add volume").click();
  await page.getByLabel("Volume name").fill("data");
  await page.getByLabel("In", { exact: true }).selectOption("refused");
  await look("create-volumes");
  await tab("Tags").click();
  for (const tag of ["team", "Team"]) await button("Add tag").click(), await page.getByLabel("Tag", { exact: true }).last().fill(tag);
  await look("create-tags");
  await button("Review + create").click();
  for (const text of ["This port is in the list already.", "A variable has letters", "Another tag has this name."]) await page.getByText(text).waitFor();
  await tab("az command").click();
  await page.getByText("--file refused.yaml").waitFor();
  await look("create-wrong");
  await tab("Networking ⚠").click();
  await button("Remove port 80").last().click();
  await tab("Advanced ⚠").click();
  await page.getByRole("textbox", { name: "Variable" }).fill("MODE");
  await tab("Tags ⚠").click();
  await button("Remove tag Team").click();
  await tab("Volumes").click();
  await page.getByLabel("Kind").selectOption("secret");
  await page.getByLabel("File name").fill("password");
  await page.getByLabel("Content").fill("of the group");
  await tab("Basics").click();
  await name.fill("refused-too");
  await tab("Review + create").click();
  await page.getByText("Ready to be created.").waitFor();
  await look("create-review");
  await tab("YAML").click();
  await page.getByText("mountPath: /mnt").waitFor();
  await tab("ARM template").click();
  await page.getByText("deploymentTemplate.json").waitFor();
  await tab("az command").click();
  await page.getByText("--secrets 'password=…' --secrets-mount-path /mnt --tags team=").waitFor();
  await button("Create").click();
  await page.getByText("Wharf refused this group").waitFor();
  await look("create-refused");
  await button("Go to Basics").click();
  await page.getByText("docker registry").last().waitFor();
}

async function rest(group) {
  for (const [path, text] of [["images", "aci-helloworld"], ["activity", "containerGroups/write"], ["health", "ok"]]) {
    await visit(`/portal/${path}`, page.getByRole("cell", { name: text }));
    if (path === "health") await page.getByText("All is well").waitFor();
    await look(path);
  }
  await visit("/portal/images", button("Pull"));
  await page.getByLabel("Image to pull").fill("127.0.0.1:1/none:1");
  await button("Pull").click();
  await page.getByText("This image cannot be pulled").waitFor();
  await look("images-refused");
  await visit(`/portal/groups/default/${group}#Metrics`, page.getByRole("img", { name: /^Memory, now/ }));
  await look("metrics");
}

/** Several groups in one table, chosen together. */
async function several() {
  const images = "mcr.microsoft.com/azuredocs";
  const requests = { cpu: 0.25, memoryInGB: 0.5 };
  const container = (image, command, ports = []) => ({ name: "main", properties: { image: `${images}/${image}`, command, ports, resources: { requests } } });
  const port = [{ port: 80 }];
  const groups = {
    api: { containers: [container("aci-helloworld", undefined, port)], ipAddress: { type: "Public", ports: port } },
    worker: { containers: [container("aci-wordcount", ["sleep", "100000"])] },
    "nightly-report": { restartPolicy: "Never", initContainers: [{ name: "prepare", properties: { image: `${images}/aci-wordcount`, command: ["echo", "all is prepared"] } }], containers: [container("aci-wordcount", ["true"])] },
    broken: { restartPolicy: "Never", containers: [container("aci-wordcount", ["sh", "-c", "exit 3"])] },
  };
  const home = `${subscription}/resourceGroups/default/providers/Microsoft.ContainerInstance/containerGroups`;
  for (const [name, properties] of Object.entries(groups)) {
    await send("PUT", `${home}/${name}?api-version=2025-09-01`, { location: "local", properties: { osType: "Linux", ...properties } });
  }
  const names = Object.keys(groups);
  await visit("/portal/", page.getByRole("link", { name: "worker" }));
  for (const [name, state] of [["worker", "Running"], ["nightly-report", "Succeeded"], ["broken", "Failed"]]) await row(name).getByText(state).waitFor();
  await look("overview");
  await visit("/portal/groups/default/nightly-report#Logs", page.getByLabel("Container", { exact: true }));
  await page.getByLabel("Container", { exact: true }).selectOption("prepare");
  await page.getByRole("log").getByText("all is prepared").waitFor();
  await visit("/portal/", page.getByLabel("Choose worker"));
  for (const name of ["api", "worker"]) await page.getByLabel(`Choose ${name}`).check();
  await page.getByText("2 chosen").waitFor();
  await button("Stop").click();
  for (const name of ["api", "worker"]) await row(name).getByText("Stopped").waitFor();
  // They stay chosen.
  for (const name of ["nightly-report", "broken"]) await page.getByLabel(`Choose ${name}`).check();
  await button("Delete").click();
  await look("delete-several");
  await confirm("4");
  for (const name of names) await row(name).waitFor({ state: "detached" });
}

/** The same without a mouse. */
async function keyboard(name) {
  const link = page.getByRole("link", { name });
  await visit("/portal/", link);
  await reach(page.getByRole("button", { name: "State" }));
  await page.keyboard.press("Enter");
  await page.locator("th[aria-sort=ascending]").getByText("State").waitFor();
  await reach(page.getByLabel(`Choose ${name}`));
  await page.keyboard.press("Space");
  assert.ok(await button("Stop").isEnabled());
  await reach(link);
  await page.keyboard.press("Enter");
  await state("Running");
  await reach(tab("Overview"));
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.getByText("the image's own").waitFor();
  await reach(button("Delete"));
  await page.keyboard.press("Enter");
  await dialog.getByRole("textbox").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await reach(button("Delete"));
}

async function readOnly(name) {
  await signOut();
  await signIn(reader, password, page.getByRole("link", { name }));
  await page.getByRole("link", { name }).click();
  await state("Running");
  await noButtons("Start", "Stop", "Restart", "Delete");
  assert.equal(await tab("Connect").count(), 0);
  await tab("Logs").click();
  await page.getByRole("log").getByText("listening on port 80").waitFor();
  await visit("/portal/", page.getByRole("link", { name }));
  await noButtons("Create");
  await visit(`/portal/groups/default/${name}#Connect`, page.getByText("Restart policy"));
  for (const path of PAGES) {
    await visit(`/portal/${path}`, page.locator("h1"));
    await settle();
    assert.equal(await page.getByRole("alert").count(), 0, `a Reader reads ${path}`);
  }
  await visit("/portal/create", page.getByLabel("Container group name"));
  await page.getByLabel("Container group name").fill("mine");
  await button("Review + create").click();
  await button("Create").click();
  await page.getByText("does not have authorization").first().waitFor();
  // A role at a resource group is enough.
  const take = await give(reader, "Contributor", `${subscription}/resourceGroups/default`);
  await visit("/portal/", button("Create"));
  await page.getByLabel(`Choose ${name}`).check();
  assert.ok(await button("Stop").isEnabled());
  await visit("/portal/files", button("Create storage account"));
  await take();
}

/** Who has no role is told so on every page. */
async function noRole(name) {
  await signIn(stranger, password, page.getByText("Your account has no role here yet"));
  await look("no-role");
  for (const path of [...PAGES, `groups/default/${name}`]) {
    await visit(`/portal/${path}`, page.getByRole("alert"));
    await noButtons("Create", "Pull", "Create registry", "Create storage account", "Create virtual network", "Add role assignment");
    assert.equal(await page.locator("main").getByText("Loading").count(), 0, path);
  }
}

async function remove(name) {
  await signIn(owner, password, page.getByRole("log"), `/portal/groups/default/${name}#Logs`);
  await deleteGroup(name);
  await page.getByText("No container groups yet").waitFor();
  await look("empty");
}

await run(async () => {
  const name = await create();
  await use(name);
  await files.use();
  await registries.use();
  await places.use();
  await refuse();
  await rest(name);
  await several();
  await keyboard(name);
  await readOnly(name);
  await files.readOnly();
  await registries.readOnly();
  await places.readOnly();
  await signOut();
  await noRole(name);
  await signOut();
  await remove(name);
  await files.remove();
  await registries.remove();
  await places.remove();
});
process.exit(0);
