// A real chromium at a real daemon, and what the tests do in it again and again.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { chromium } from "playwright-core";

export const { WHARF_URL: url, WHARF_PASSWORD: password, WHARF_SHOTS: shots } = process.env;
if (shots) mkdirSync(shots, { recursive: true });
const axe = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

const [SCREEN, PHONE] = [{ width: 1200, height: 760 }, { width: 390, height: 780 }];

const profile = mkdtempSync(`${tmpdir()}/portal-`);
// A home of its own, in which Wharf's CA is trusted as a user would do it.
const trust = `${profile}/.pki/nssdb`;
mkdirSync(trust, { recursive: true });
execFileSync("certutil", ["-d", `sql:${trust}`, "-N", "--empty-password"]);
execFileSync("certutil", ["-d", `sql:${trust}`, "-A", "-t", "C,,", "-n", "wharf", "-i", process.env.NODE_EXTRA_CA_CERTS]);
export const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  env: { ...process.env, HOME: profile },
  reducedMotion: "reduce",
  viewport: SCREEN,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
export const page = browser.pages()[0];
page.setDefaultTimeout(60_000);

/** Errors of the page's own, what its policy forbade, requests to others than the daemon, and what does not look right. */
const faults = [];
page.on("pageerror", (error) => faults.push(String(error)));
page.on("console", (message) => message.type() === "error" && /Content Security Policy/.test(message.text()) && faults.push(message.text()));
page.on("request", (request) => request.url().startsWith(url) || request.url().startsWith("data:") || faults.push(`a request to ${request.url()}`));

const open = new Set();
page.on("request", (request) => open.add(request.url()));
for (const event of ["requestfinished", "requestfailed"]) page.on(event, (request) => open.delete(request.url()));

export const button = (name) => page.getByRole("button", { name, exact: true });
export const tab = (name) => page.getByRole("tab", { name, exact: true });
export const state = (text) => page.locator("h1").getByText(text, { exact: true }).waitFor();
export const dialog = page.getByRole("dialog");
/** The row that has a cell of exactly this text. */
export const row = (name) => page.getByRole("row").filter({ has: page.getByRole("cell", { name, exact: true }) });

/** Deletes by entering the name that the dialog asks for. */
export async function confirm(name) {
  assert.ok(await dialog.getByRole("button", { name: "Delete" }).isDisabled());
  await dialog.getByRole("textbox").fill(name);
  await dialog.getByRole("button", { name: "Delete" }).click();
}

/** Deletes the group whose page is shown. */
export async function deleteGroup(name) {
  await button("Delete").click();
  await confirm(name);
  await page.getByRole("heading", { name: "Container groups", exact: true }).waitFor();
  await page.getByRole("link", { name }).waitFor({ state: "detached" });
}

/** Does something until what it is for shows: the browser drops what is under way when links come and
 *  go in this network, and shows a page of its own then. */
export async function until(what, act) {
  const end = Date.now() + 240_000;
  for (let patience = 5_000; Date.now() < end; patience = Math.min(2 * patience, 40_000)) {
    const isDone = await act().then(() => true, (error) => console.log(`once more, after: ${error.message.split("\n")[0]}`));
    if (await what.first().waitFor({ timeout: isDone ? patience : 1_000 }).then(() => true, () => false)) return;
  }
  await what.first().waitFor();
}

export const visit = (path, what) => until(what, () => page.goto(`${url}${path}`));
export const reload = (what) => until(what, () => page.reload());

/** Signs in until what is to be seen then shows, where the user wanted to be. */
export async function signIn(user, secret, what, at = "/") {
  const name = page.getByLabel("User name");
  await until(what, async () => {
    await visit(at, name.or(what));
    if (!(await name.count())) return;
    await name.fill(user);
    await page.getByLabel("Password").fill(secret);
    await button("Sign in").click();
  });
}

export async function signOut() {
  await until(page.getByLabel("User name"), async () => {
    if (await button("Sign out").count()) await button("Sign out").click();
    else await page.goto(url);
  });
}

/** Opens a shell in the container of the page's group. */
export const shell = () => until(page.locator(".xterm-rows").getByText("#"), () => button("Connect").click({ timeout: 5_000 }));

/** What a download has brought. */
export async function download(name) {
  for (let turn = 1; ; turn += 1) {
    const [file] = await Promise.all([page.waitForEvent("download"), button(`Download ${name}`).click()]);
    const failure = await file.failure();
    if (failure && turn < 4) continue;
    assert.equal(failure, null);
    assert.equal(file.suggestedFilename(), name);
    return readFileSync(await file.path());
  }
}

/** Waits until nothing more comes, as far as it ends: the watch goes on for ever. */
export const settle = () => page.waitForLoadState("networkidle", { timeout: 1500 }).catch(() => {});

/** Moves the focus with the keyboard until it is on something. */
export async function reach(target) {
  for (let steps = 0; steps < 80; steps += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail("the keyboard does not reach it");
}

/** Whether none of these buttons is there. */
export async function noButtons(...names) {
  await settle();
  for (const name of names) assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, String(name));
}

/** Pictures in both themes and on a phone; no serious complaint of axe, nothing wider than a phone. Tabster, Fluent UI's focus manager,
 *  has elements of its own that pass a focus on and are hidden on purpose. */
export async function look(name) {
  for (const theme of ["light", "dark"]) {
    // Of the sign-in page, which has no button for it.
    await page.emulateMedia({ colorScheme: theme });
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
    if (shots) await page.screenshot({ path: `${shots}/${name}-${theme}.png` });
    faults.push(...told.map((complaint) => `axe on ${name}, ${theme}: ${complaint}`));
  }
  await page.setViewportSize(PHONE);
  const over = await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    return document.documentElement.scrollWidth - innerWidth;
  });
  if (shots) await page.screenshot({ path: `${shots}/${name}-phone.png` });
  await page.setViewportSize(SCREEN);
  if (over > 0) faults.push(`${name} is ${over} pixels too wide for a phone`);
}

/** Runs the tests; says where they failed. */
export async function run(tests) {
  try {
    await tests();
    assert.deepEqual(faults, [], "nothing is wrong with any page");
  } catch (error) {
    await page.screenshot({ path: `${shots ?? tmpdir()}/portal-failure.png` }).catch(() => {});
    console.error(`at ${page.url()}: ${await page.locator("body").innerText({ timeout: 1000 }).catch(() => "")}`, faults, "open:", [...open]);
    throw error;
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
