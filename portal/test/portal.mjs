// The portal in a real browser against a real daemon; crates/wharf/tests/clients/portal.rs runs it.
// Prints RESTART when it wants the daemon killed and started again, and goes on when a line comes in.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { files } from "./files.mjs";
import { places } from "./places.mjs";

const { WHARF_URL: url, WHARF_OWNER: owner, WHARF_READER: reader, WHARF_PASSWORD: password } = process.env;
const shots = process.env.WHARF_SHOTS;
const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const profile = mkdtempSync(`${tmpdir()}/portal-`);
// A home of its own, in which Wharf's CA is trusted as a user would do it.
const trust = `${profile}/.pki/nssdb`;
mkdirSync(trust, { recursive: true });
execFileSync("certutil", ["-d", `sql:${trust}`, "-N", "--empty-password"]);
execFileSync("certutil", ["-d", `sql:${trust}`, "-A", "-t", "C,,", "-n", "wharf", "-i", process.env.NODE_EXTRA_CA_CERTS]);
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  env: { ...process.env, HOME: profile },
  reducedMotion: "reduce",
  viewport: { width: 1200, height: 760 },
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const page = browser.pages()[0];
page.setDefaultTimeout(20_000);
const faults = [];
page.on("pageerror", (error) => faults.push(String(error)));
page.on("console", (message) => message.type() === "error" && /Content Security Policy/.test(message.text()) && faults.push(message.text()));
page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || faults.push(`a request to ${request.url()}`));

const open = new Set();
page.on("request", (request) => open.add(request.url()));
for (const event of ["requestfinished", "requestfailed"]) page.on(event, (request) => open.delete(request.url()));

const button = (name) => page.getByRole("button", { name, exact: true });
const tab = (name) => page.getByRole("tab", { name, exact: true });
const state = (text) => page.locator("h1").getByText(text, { exact: true }).waitFor();
let clicks = 0;
const click = async (target) => {
  clicks += 1;
  await target.click();
};

/** Pictures in both themes, and no serious complaint of axe in either. Tabster, Fluent UI's focus manager,
 *  has elements of its own that pass a focus on and are hidden on purpose. */
async function look(name) {
  for (const theme of ["light", "dark"]) {
    // A dialog may lie over it.
    const toggle = page.locator("header button").getByText(theme === "dark" ? "Dark" : "Light", { exact: true });
    if (await toggle.count()) await toggle.evaluate((element) => element.click());
    await page.mouse.move(0, 0);
    await page.evaluate(() => {
      document.activeElement?.blur();
      for (const animation of document.getAnimations()) if (animation.effect.getComputedTiming().endTime !== Infinity) animation.finish();
    });
    const { violations } = await page.evaluate(`${axe}; axe.run({ exclude: ["[data-tabster-dummy]"] }, { resultTypes: ["violations"] })`);
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160) + " " + node.failureSummary).slice(0, 3).join(" | ")}`);
    if (shots) {
      mkdirSync(shots, { recursive: true });
      await page.screenshot({ path: `${shots}/${name}-${theme}.png` });
    }
    assert.deepEqual(told, [], `axe on ${name}, ${theme}`);
  }
}

/** Shows a page; once more if links that came and went in this network have broken its files off. */
async function visit(path, what) {
  await page.goto(`${url}${path}`);
  await what.first().waitFor({ timeout: 5000 }).catch(() => page.reload());
  await what.first().waitFor();
}

async function signIn(user) {
  await visit("/", page.getByLabel("User name"));
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password").fill(password);
  await click(button("Sign in"));
}

async function create() {
  const begun = Date.now();
  const network = await browser.newCDPSession(page);
  await network.send("Network.enable");
  let bytes = 0;
  network.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await visit("/", page.getByLabel("User name"));
  await page.getByLabel("User name").fill("nobody");
  await page.getByLabel("Password").fill("wrong password");
  await button("Sign in").click();
  await page.getByRole("alert").getByText("wrong").waitFor();
  if (shots) await page.screenshot({ path: `${shots}/sign-in-light.png` });
  await signIn(owner);
  await page.getByText("No container groups yet").waitFor();
  const page1 = bytes;
  assert.ok(page1 > 50_000 && page1 <= 400_000, `the first page takes ${page1} bytes`);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).join()), "", "nothing outlives the tab");
  await click(button("Create"));
  await page.getByLabel("Container group name").waitFor();
  const name = await page.getByLabel("Container group name").inputValue();
  await click(button("Review + create"));
  await page.getByText("Ready to be created.").waitFor();
  await click(button("Create"));
  await state("Running");
  const [site] = await Promise.all([browser.waitForEvent("page"), click(page.getByRole("link", { name: "Open site" }))]);
  await site.getByText("Welcome to Azure Container Instances").first().waitFor();
  await site.close();
  const seconds = (Date.now() - begun) / 1000;
  assert.ok(clicks <= 8 && seconds < 60, `${clicks} clicks, ${seconds} s`);
  console.log(`created and opened with ${clicks} clicks in ${seconds.toFixed(1)} s; first page ${page1} bytes`);
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
  await tab("Connect").click();
  await button("Connect").click();
  await page.locator(".xterm-helper-textarea").waitFor();
  await page.locator(".xterm-rows").getByText("#").first().waitFor();
  await page.keyboard.type("echo $((6*7))-answer\n");
  await page.locator(".xterm-rows").getByText("42-answer").first().waitFor();
  await look("terminal");
  await button("Disconnect").click();
  await tab("Metrics").click();
  await page.getByText("Memory").first().waitFor();
  await look("metrics");
  await tab("YAML").click();
  await button("Edit").click();
  const text = page.getByRole("textbox", { name: "YAML" });
  await text.fill(`${await text.inputValue()}tags:\n  by: portal\n`);
  await button("Show changes").click();
  await page.getByText("+   by: portal").waitFor();
  await look("yaml");
  await button("Apply").click();
  await page.getByRole("region", { name: "YAML" }).getByText("by: portal").waitFor();

  // A reload in the middle, and a daemon that dies meanwhile.
  await page.reload();
  await state("Running");
  console.log("RESTART");
  await lines.next();
  await tab("Overview").click();
  await button("Stop").click();
  await state("Stopped");
  await button("Start").click();
  await state("Running");
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
  await page.reload();
  await page.getByLabel("Container group name").waitFor();
  assert.equal(await name.inputValue(), "refused", "a reload keeps the draft");
  await look("create-basics");
  await page.getByLabel("Image source").selectOption("other");
  await page.getByLabel("Image", { exact: false }).last().fill("127.0.0.1:1/none:1");
  for (const step of ["Advanced", "Volumes", "Tags"]) {
    await tab(step).click();
    if (step === "Volumes") await button("Add volume").click(), await page.getByLabel("Volume name").fill("data");
    await look(`create-${step.toLowerCase()}`);
  }
  await button("Review + create").click();
  await look("create-review");
  await tab("ARM template").click();
  await page.getByText("deploymentTemplate.json").waitFor();
  await tab("az command").click();
  await page.getByText("az container create").waitFor();
  await button("Create").click();
  await page.getByText("Wharf refused this group").waitFor();
  await look("create-refused");
  await button("Go to Basics").click();
  await page.getByText("docker registry").last().waitFor();
}

async function rest() {
  for (const [path, name, text] of [["images", "images", "Images"], ["activity", "activity", "containerGroups/write"], ["health", "health", "All is well"], ["", "overview", "Running groups"]]) {
    await visit(`/portal/${path}`, page.getByText(text));
    await page.getByRole("table").waitFor({ timeout: 5000 }).catch(() => {});
    await look(name);
  }
  await page.setViewportSize({ width: 390, height: 780 });
  await look("phone");
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.ok(!isWide, "no sideways scrolling at phone width");
  await page.setViewportSize({ width: 1200, height: 760 });
}

async function readOnly(name) {
  await button("Sign out").click();
  await signIn(reader);
  await page.getByRole("link", { name }).click();
  await state("Running");
  for (const verb of ["Start", "Stop", "Restart", "Delete"]) assert.equal(await button(verb).count(), 0, verb);
  assert.equal(await tab("Connect").count(), 0);
  await tab("Logs").click();
  await page.getByRole("log").getByText("listening on port 80").waitFor();
  await visit("/portal/", page.getByRole("link", { name }));
  assert.equal(await button("Create").count(), 0);
  await visit("/portal/create", page.getByLabel("Container group name"));
  await page.getByLabel("Container group name").fill("mine");
  await button("Review + create").click();
  await button("Create").click();
  await page.getByText("does not have authorization").first().waitFor();
}

async function remove(name) {
  await signIn(owner);
  await page.getByRole("link", { name }).click();
  await button("Delete").click();
  const confirm = page.getByRole("dialog").getByRole("button", { name: "Delete" });
  assert.ok(await confirm.isDisabled());
  await page.getByRole("dialog").getByRole("textbox").fill(name);
  await confirm.click();
  await page.getByText("No container groups yet").waitFor();
  await look("empty");
}

const shares = files({ page, button, tab, state, look, visit });
const others = places({ page, button, tab, state, look, visit, reader });
try {
  const name = await create();
  await use(name);
  await shares.use();
  await others.use();
  await refuse();
  await rest();
  await readOnly(name);
  await shares.readOnly();
  await others.readOnly();
  await button("Sign out").click();
  await remove(name);
  await shares.remove();
  await others.remove();
  assert.deepEqual(faults, [], "errors and strangers");
} catch (error) {
  await page.screenshot({ path: `${shots ?? tmpdir()}/portal-failure.png` }).catch(() => {});
  console.error(`at ${page.url()}: ${await page.locator("main").innerText({ timeout: 1000 }).catch(() => "")}`, faults, "open:", [...open]);
  throw error;
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(0);
