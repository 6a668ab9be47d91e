// File shares in the portal: what is uploaded is in a container that mounts the share, and back.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { give, subscription } from "./arm.mjs";
import { button, confirm, deleteGroup, dialog, download, look, noButtons, page, reload, row, shell, state, tab, visit } from "./browser.mjs";

const reader = process.env.WHARF_READER;
const ACCOUNT = "portalfiles";
const GROUP = "with-share";
const RENAMED = "renamed ü+%.txt";
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const openShare = async () => {
  await visit("/portal/files", page.getByRole("link", { name: "site-data" }));
  await page.getByRole("link", { name: "site-data" }).click();
};

async function make() {
  await visit("/portal/files", page.getByText("No storage accounts yet"));
  await button("Create storage account").click();
  await dialog.getByLabel("Account name").fill("No!");
  await dialog.getByText("Use 3 to 24 lowercase").waitFor();
  await dialog.getByLabel("Account name").fill(ACCOUNT);
  await look("files-create");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByText("No shares yet").waitFor();
  await button("Create share").click();
  await dialog.getByLabel("Share name").fill("site-data");
  await dialog.getByRole("button", { name: "Create" }).click();
  await button("Change quota of site-data").click();
  await dialog.getByLabel("Quota").fill("0");
  await dialog.getByText("Enter a number from 1").waitFor();
  await dialog.getByLabel("Quota").fill("10");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("10 GiB").waitFor();
  await button(`Access keys of ${ACCOUNT}`).click();
  const key = dialog.getByLabel("key2", { exact: true });
  await key.waitFor();
  const before = await key.inputValue();
  await button("Renew key2").click();
  await page.waitForFunction((before) => ![...document.querySelectorAll("dialog input")].some((input) => input.value === before), before);
  await look("files-keys");
  await dialog.getByRole("button", { name: "Close" }).click();
  await page.getByRole("link", { name: "site-data" }).click();
  await page.getByText("Nothing in here").waitFor();
}

async function upload(big) {
  const plain = { name: "hello there.txt", mimeType: "text/plain", buffer: Buffer.from("up from the browser\n") };
  await page.getByLabel("Files to upload").setInputFiles([plain, { name: "big.bin", mimeType: "application/octet-stream", buffer: big }]);
  await row("big.bin").getByText("9.0 MiB").waitFor();
  await button("New folder").click();
  await dialog.getByLabel("Folder name").fill("Ordner ü+%");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name: "Ordner ü+%" }).waitFor();
  const drop = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["dropped\n"], "dropped #1.txt"));
    return data;
  });
  await page.dispatchEvent(".drop", "drop", { dataTransfer: drop });
  await row("dropped #1.txt").waitFor();
  await look("share");
  await button("Clear").click();
  await page.getByLabel("Files to upload").setInputFiles(plain);
  await dialog.getByText("is in this folder already").waitFor();
  await dialog.getByRole("button", { name: "Replace" }).click();
  await page.getByText("20 B of 20 B done").waitFor();
  await page.getByRole("link", { name: "Ordner ü+%" }).click();
  await page.getByText("Nothing in here").waitFor();
  await page.getByLabel("Files to upload").setInputFiles({ ...plain, name: "inner.txt" });
  await row("inner.txt").waitFor();
  await look("folder");
  await reload(row("inner.txt"));
}

async function mount() {
  await visit("/portal/create", page.getByLabel("Container group name"));
  await page.getByLabel("Container group name").fill(GROUP);
  await tab("Volumes").click();
  await button("Add volume").click();
  await page.getByLabel("Volume name").fill("data");
  await page.getByLabel("Kind").selectOption("azureFile");
  await page.getByRole("combobox", { name: "Storage account" }).click();
  await page.getByRole("option", { name: ACCOUNT }).click();
  await page.getByRole("combobox", { name: "Share" }).click();
  await page.getByRole("option", { name: "site-data" }).click();
  await look("create-share");
  await button("Review + create").click();
  await page.getByText("Ready to be created.").waitFor();
  await button("Create").click();
  await state("Running");
  await tab("Volumes").click();
  await page.getByRole("link", { name: `site-data in ${ACCOUNT}` }).waitFor();
  await look("group-volumes");
  await tab("Connect").click();
  await shell();
  await page.keyboard.type("cat /mnt/hello*; sha256sum /mnt/big.bin | cut -c1-16; cat /mnt/Ord*/inner.txt | wc -c; echo back > /mnt/back.txt; echo done-$((1+1))\n");
  for (const text of ["up from the browser", "done-2"]) await page.locator(".xterm-rows").getByText(text).first().waitFor();
}

/** A role on data opens the share to who may not have the keys. */
async function asData() {
  const account = `${subscription}/resourceGroups/default/providers/Microsoft.Storage/storageAccounts/${ACCOUNT}`;
  const take = await give(reader, "Storage File Data Privileged Reader", account);
  await reload(row(RENAMED));
  await noButtons("Upload", "New folder", "Rename", "Delete");
  assert.equal((await download(RENAMED)).toString(), "dropped\n");
  await look("share-data-reader");
  await take();
}

export const files = {
  async use() {
    await make();
    const big = randomBytes(9 * 2 ** 20);
    await upload(big);
    await mount();
    await page.locator(".xterm-rows").getByText(hash(big).slice(0, 16)).first().waitFor();
    await openShare();
    await row("back.txt").getByText("5 B").waitFor();
    await page.getByLabel("Choose dropped #1.txt").check();
    await button("Rename").click();
    await dialog.getByLabel("New name").fill("big.bin");
    await dialog.getByText("This name is taken.").waitFor();
    await dialog.getByLabel("New name").fill(RENAMED);
    await dialog.getByRole("button", { name: "Rename" }).click();
    await row(RENAMED).waitFor();
    assert.equal(await row("dropped #1.txt").count(), 0);
    for (const [name, wanted] of [["big.bin", big], [RENAMED, Buffer.from("dropped\n")]]) {
      assert.equal(hash(await download(name)), hash(wanted), name);
    }
    await page.getByLabel("Choose Ordner ü+%").check();
    await page.getByLabel("Choose back.txt").check();
    await button("Delete").click();
    await confirm("2");
    await row("back.txt").waitFor({ state: "detached" });
    assert.equal(await page.getByRole("link", { name: "Ordner ü+%" }).count(), 0);
    await visit("/portal/files", page.getByRole("link", { name: "site-data" }));
    await row("site-data").getByText("9.0 MiB").waitFor();
    await look("files");
    await button("Delete share site-data").click();
    await confirm("site-data");
    await page.getByText(`the container group '${GROUP}' has it mounted`).waitFor();
    await look("files-refused");
    await visit(`/portal/groups/default/${GROUP}`, button("Delete"));
    await deleteGroup(GROUP);
  },

  /** A Reader sees shares, changes none and is told why they do not open. */
  async readOnly() {
    await visit("/portal/files", page.getByRole("link", { name: "site-data" }));
    await noButtons("Create storage account", "Create share", "Delete share site-data", `Delete account ${ACCOUNT}`);
    await page.getByRole("link", { name: "site-data" }).click();
    await page.getByText("You may not open this share").waitFor();
    await noButtons("Upload", "New folder", "Delete");
    await look("share-reader");
    await asData();
  },

  async remove() {
    await visit("/portal/files", button("Delete share site-data"));
    await button("Delete share site-data").click();
    await confirm("site-data");
    await page.getByText("No shares yet").waitFor();
    await button(`Delete account ${ACCOUNT}`).click();
    await confirm(ACCOUNT);
    await page.getByText("No storage accounts yet").waitFor();
  },
};
