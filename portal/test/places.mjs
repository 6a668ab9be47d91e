// Virtual networks and role assignments in the portal.
import { button, confirm, deleteGroup, dialog, look, noButtons, page, state, tab, visit } from "./browser.mjs";

const GROUP = "in-network";
const reader = process.env.WHARF_READER;

async function networks() {
  await visit("/portal/networks", page.getByText("No virtual networks yet"));
  await button("Create virtual network").click();
  await dialog.getByLabel("Network name").fill("front");
  await dialog.getByLabel("Address space").fill("10.77.0.0/16");
  await dialog.getByLabel("Subnet range").fill("10.78.0.0/24");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Subnet range").fill("10.77.0.0/24");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("cell", { name: "10.77.0.0/24" }).waitFor();
  await button("Add subnet").click();
  await dialog.getByLabel("Subnet name").fill("back");
  await dialog.getByLabel("Subnet range").fill("10.77.1.0/24");
  await dialog.getByRole("button", { name: "Add" }).click();
  await page.getByRole("cell", { name: "10.77.1.0/24" }).waitFor();
  await visit("/portal/create", page.getByLabel("Container group name"));
  await page.getByLabel("Container group name").fill(GROUP);
  await tab("Networking").click();
  await page.getByLabel("Networking type").selectOption("Private");
  await page.getByLabel("Subnet").selectOption("front / default");
  await look("create-private");
  await button("Review + create").click();
  await page.getByText("Ready to be created.").waitFor();
  await button("Create").click();
  await state("Running");
  await page.getByText("10.77.0.").first().waitFor();
  await visit("/portal/networks", page.getByRole("link", { name: GROUP }));
  await look("networks");
  await button("Delete subnet default").click();
  await confirm("default");
  await page.getByRole("alert").waitFor();
  await button("Delete subnet back").click();
  await confirm("back");
  await page.getByRole("cell", { name: "10.77.1.0/24" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: GROUP }).click();
  await deleteGroup(GROUP);
}

async function access() {
  const row = (role) => page.getByRole("row").filter({ hasText: reader }).filter({ hasText: role });
  await visit("/portal/access", row("Reader"));
  await button("Add role assignment").click();
  await dialog.getByLabel("Who").selectOption({ label: `${reader} (user)` });
  await dialog.getByLabel("Role").selectOption("Contributor");
  await dialog.getByLabel("Scope").selectOption({ label: "Resource group default" });
  await dialog.getByRole("button", { name: "Add" }).click();
  await row("Contributor").getByText("default").waitFor();
  await button("Add role assignment").click();
  await dialog.getByLabel("Who").selectOption({ label: `${reader} (user)` });
  await dialog.getByLabel("Role").selectOption("Storage File Data Privileged Reader");
  await dialog.getByLabel("Scope").selectOption({ label: "storageAccounts/portalfiles in default" });
  await look("access-add");
  await dialog.getByRole("button", { name: "Add" }).click();
  await row("Storage File Data").getByText("storageAccounts/portalfiles").waitFor();
  await look("access");
  await button(`Remove Contributor of ${reader}`).click();
  await confirm(reader);
  await row("Contributor").waitFor({ state: "detached" });
  await button(`Remove Storage File Data Privileged Reader of ${reader}`).click();
  await confirm(reader);
  await row("Storage File Data").waitFor({ state: "detached" });
  await row("Reader").waitFor();
}

export const places = {
  async use() {
    await networks();
    await access();
  },

  async readOnly() {
    await visit("/portal/networks", page.getByRole("cell", { name: "10.77.0.0/24" }));
    await noButtons("Create virtual network", "Add subnet", "Delete network front", "Delete subnet default");
    await visit("/portal/access", page.getByRole("cell", { name: "Reader", exact: true }));
    await noButtons("Add role assignment", /^Remove /);
  },

  async remove() {
    await visit("/portal/networks", button("Delete network front"));
    await button("Delete network front").click();
    await confirm("front");
    await page.getByText("No virtual networks yet").waitFor();
  },
};
