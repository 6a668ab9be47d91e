// Many groups in the table: how soon it is there, how it scrolls, filters and follows. The numbers are
// printed; what must hold on any machine is that only the rows in sight are in the document.
import assert from "node:assert/strict";
import { send, subscription } from "./arm.mjs";
import { button, page, password, run, signIn, visit } from "./browser.mjs";

const { WHARF_OWNER: owner } = process.env;
const MANY = Number(process.env.WHARF_MANY);
const HOME = `${subscription}/resourceGroups/many`;
const VERSION = "api-version=2025-09-01";

/** Waits until the groups have ended and reserve nothing more. */
async function ended() {
  const usages = `${subscription}/providers/Microsoft.ContainerInstance/locations/local/usages?${VERSION}`;
  for (;;) {
    const { value } = await send("GET", usages);
    if (!value.find((usage) => usage.name.value === "StandardCores").currentValue) return;
    await new Promise((done) => setTimeout(done, 500));
  }
}

const nameOf = (index) => `group-${String(index).padStart(4, "0")}`;
const pathOf = (index) => `${HOME}/providers/Microsoft.ContainerInstance/containerGroups/${nameOf(index)}`;
const task = {
  location: "local",
  properties: {
    osType: "Linux", restartPolicy: "Never",
    containers: [{ name: "task", properties: { image: "mcr.microsoft.com/azuredocs/aci-wordcount", command: ["true"], resources: { requests: { cpu: 0.1, memoryInGB: 0.1 } } } }],
  },
};

/** Does something for all groups, some at once. */
async function forAll(work, count = MANY) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

const timed = async (work) => {
  const begun = performance.now();
  await work();
  return Math.round(performance.now() - begun);
};

/** How long frames took while something went on in the page, in milliseconds. */
const frames = (work) => page.evaluate(async (work) => {
  const times = [];
  let last = performance.now();
  let isOver = false;
  const tick = (now) => {
    times.push(now - last);
    last = now;
    if (!isOver) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  await eval(work)();
  isOver = true;
  times.shift();
  times.sort((a, b) => a - b);
  const at = (part) => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * part))]);
  return `${times.length} frames, median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms`;
}, String(work));

const rows = () => page.locator("tbody tr:not([aria-hidden])").count();

await run(async () => {
  await send("PUT", `${HOME}?api-version=2022-12-01`, { location: "local" });
  console.log(`${MANY} groups made in ${await timed(() => forAll((index) => send("PUT", `${pathOf(index)}?${VERSION}`, task)))} ms`);
  console.log(`all have ended ${await timed(ended)} ms later`);
  await signIn(owner, password, page.getByRole("link", { name: nameOf(0) }));
  const first = await timed(() => visit("/portal/", page.getByRole("link", { name: nameOf(0) })));
  await page.getByText(`of ${MANY}`, { exact: false }).first().waitFor();
  console.log(`first row after ${first} ms`);
  assert.equal(await page.locator(`table[aria-rowcount="${MANY + 1}"]`).count(), 1);
  assert.ok((await rows()) <= 60, `${await rows()} rows in the document`);

  const scroll = await frames(async () => {
    const box = document.querySelector(".rows");
    for (let frame = 0; frame < 120; frame += 1) {
      box.scrollTop += 350;
      await new Promise(requestAnimationFrame);
    }
    box.scrollTop = box.scrollHeight;
    await new Promise((done) => setTimeout(done, 300));
  });
  console.log(`scrolling: ${scroll}`);
  await page.getByRole("link", { name: nameOf(MANY - 1) }).waitFor();
  assert.ok((await rows()) <= 60, `${await rows()} rows in the document`);

  const filter = page.getByLabel("Filter container groups");
  const wanted = nameOf(MANY - 7);
  const filtered = await timed(async () => {
    await filter.fill(wanted);
    await page.locator('table[aria-rowcount="2"]').waitFor();
  });
  console.log(`filtered after ${filtered} ms`);
  await filter.fill("");

  // All are deleted while the table is looked at.
  const [told, deleted] = await Promise.all([
    frames(async () => {
      while (document.querySelector(".rows")) await new Promise((done) => setTimeout(done, 100));
    }),
    timed(() => forAll((index) => send("DELETE", `${pathOf(index)}?${VERSION}`))),
  ]);
  console.log(`while all were deleted in ${deleted} ms: ${told}`);
  await button("Create your first one").waitFor();
});
process.exit(0);
