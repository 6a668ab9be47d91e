// Registries in the portal: what was pushed is seen, and runs.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { ask, send, subscription } from "./arm.mjs";
import { button, confirm, deleteGroup, dialog, look, noButtons, page, row, state, tab, visit } from "./browser.mjs";

const REGISTRY = "portalreg";
const GROUP = "from-own";
const ID = `${subscription}/resourceGroups/default/providers/Microsoft.ContainerRegistry/registries/${REGISTRY}`;

/** Pushes an image of Wharf's own, as `docker push` does. */
async function push(repository, tag) {
  const keys = await send("POST", `${ID}/listCredentials?api-version=2023-07-01`, {});
  const login = { authorization: `Basic ${btoa(`${keys.username}:${keys.passwords[1].value}`)}` };
  const layout = mkdtempSync(`${tmpdir()}/layout-`);
  const archive = await ask("/wharf/v1/images/export?reference=mcr.microsoft.com/azuredocs/aci-helloworld");
  writeFileSync(`${layout}/image.tar`, Buffer.from(await archive.arrayBuffer()));
  execFileSync("tar", ["-xf", "image.tar"], { cwd: layout });
  const blob = (digest) => readFileSync(`${layout}/blobs/${digest.replace(":", "/")}`);
  const [{ digest, mediaType }] = JSON.parse(readFileSync(`${layout}/index.json`)).manifests;
  const manifest = JSON.parse(blob(digest));
  const place = `/v2/${REGISTRY}/${repository}`;
  for (const part of [manifest.config, ...manifest.layers]) {
    await ask(`${place}/blobs/uploads/?digest=${part.digest}`, { method: "POST", headers: login, body: blob(part.digest) });
  }
  await ask(`${place}/manifests/${tag}`, { method: "PUT", headers: { ...login, "content-type": mediaType }, body: blob(digest) });
  rmSync(layout, { recursive: true });
}

async function make() {
  await visit("/portal/registries", page.getByText("No registries yet"));
  await button("Create registry").click();
  await dialog.getByLabel("Registry name").fill("no");
  await dialog.getByText("Use 5 to 50 letters and digits").waitFor();
  await dialog.getByLabel("Registry name").fill(REGISTRY);
  await look("registries-create");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name: REGISTRY }).waitFor();
  await look("registries");
  await button("Create registry").click();
  await dialog.getByLabel("Registry name").fill(REGISTRY);
  await dialog.getByText("already in use").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("link", { name: REGISTRY }).click();
  await page.getByText("Nothing was pushed yet").waitFor();
}

async function keys() {
  await button("Access keys").click();
  const first = dialog.getByLabel("password", { exact: true });
  await first.waitFor();
  const before = await first.inputValue();
  await look("registry-keys");
  await button("Renew password").click();
  await page.waitForFunction((before) => document.querySelector("dialog input[type=password]").value !== before, before);
  await dialog.getByRole("button", { name: "Close" }).click();
  await button("Turn the admin user off").click();
  await button("Turn the admin user on").click();
  await button("Access keys").waitFor();
}

async function deploy() {
  await visit("/portal/create", page.getByLabel("Container group name"));
  await page.getByLabel("Container group name").fill(GROUP);
  await page.getByLabel("Image source").selectOption("own");
  await page.getByRole("combobox", { name: "Registry", exact: true }).selectOption(REGISTRY);
  await page.getByLabel("Repository").selectOption("team/hello");
  await page.getByRole("combobox", { name: "Tag", exact: true }).selectOption("1");
  await look("create-own");
  await tab("Networking").click();
  await page.getByLabel("DNS name label").fill(GROUP);
  await page.getByText(`${GROUP} is available.`).waitFor();
  await button("Review + create").click();
  await page.getByText("Ready to be created.").waitFor();
  await button("Create").click();
  await state("Running");
  await page.getByText(`${GROUP}.local`).first().waitFor();
  // Its name is taken now, which the wizard says at once.
  await visit("/portal/create", page.getByLabel("Container group name"));
  await tab("Networking").click();
  await page.getByLabel("DNS name label").fill(GROUP);
  await page.getByText(`Another group has the name ${GROUP}.`).waitFor();
  await look("create-label");
  await visit(`/portal/groups/default/${GROUP}`, button("Delete"));
  await deleteGroup(GROUP);
}

export const registries = {
  async use() {
    await make();
    await keys();
    for (const tag of ["1", "2"]) await push("team/hello", tag);
    await visit(`/portal/registries/default/${REGISTRY}`, row("2").getByText("MiB"));
    await look("registry");
    await button("Copy reference of team/hello:1").click();
    await button("Copy reference of team/hello:1").getByText("Copied").waitFor();
    await deploy();
    await visit(`/portal/registries/default/${REGISTRY}`, row("2"));
    await button("Delete team/hello:2").click();
    await confirm("team/hello:2");
    await row("2").waitFor({ state: "detached" });
    await row("1").waitFor();
  },

  /** A Reader sees what is in a registry and changes nothing. */
  async readOnly() {
    await visit("/portal/registries", page.getByRole("link", { name: REGISTRY }));
    await noButtons("Create registry");
    await page.getByRole("link", { name: REGISTRY }).click();
    await row("1").getByText("MiB").waitFor();
    await noButtons("Access keys", "Delete", "Turn the admin user off", "Delete team/hello:1");
  },

  async remove() {
    await visit(`/portal/registries/default/${REGISTRY}`, button("Delete"));
    await button("Delete").click();
    await confirm(REGISTRY);
    await page.getByText("No registries yet").waitFor();
  },
};
