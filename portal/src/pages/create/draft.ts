// What the wizard asks for, and the group that comes of it.
import type { Json } from "../../api";
import { without } from "../../parts/list";

export interface Variable { name: string; value: string; isSecret: boolean }
export interface Container { name: string; image: string; cpu: string; memory: string; command: string; env: Variable[]; isInit: boolean }
/** `container` is the place of the one that mounts it; without one all do. */
export interface Volume { name: string; kind: "emptyDir" | "secret" | "gitRepo" | "azureFile"; container?: number; path: string; repository: string; file: string; content: string; account: string; share: string; key: string }
export interface Draft {
  rg: string; isNewRg: boolean; name: string; location: string;
  source: "quickstart" | "own" | "other" | "private"; registry: string; server: string; user: string; password: string;
  access: "Public" | "Private" | "None"; subnet: string; label: string; ports: { port: string; protocol: string }[];
  restart: string; containers: Container[]; volumes: Volume[]; tags: { name: string; value: string }[];
}

export const QUICKSTARTS = ["aci-helloworld", "aci-wordcount", "aci-tutorial-sidecar"].map((name) => `mcr.microsoft.com/azuredocs/${name}:latest`);
export const STEPS = ["Basics", "Networking", "Advanced", "Volumes", "Tags", "Review + create"];

export const container = (name: string, image: string): Container => ({ name, image, cpu: "1", memory: "1.5", command: "", env: [], isInit: false });
export const volume = (): Volume => ({ name: "", kind: "emptyDir", path: "/mnt", repository: "", file: "", content: "", account: "", share: "", key: "" });

export function first(): Draft {
  const name = `web-${Math.random().toString(36).slice(2, 6)}`;
  return {
    rg: "", isNewRg: false, name, location: "", source: "quickstart", registry: "", server: "", user: "", password: "",
    access: "Public", subnet: "", label: "", ports: [{ port: "80", protocol: "TCP" }], restart: "Always",
    containers: [container(name, QUICKSTARTS[0])], volumes: [], tags: [],
  };
}

/** Without a container; volumes that only that one mounted, all do. */
export function withoutContainer(d: Draft, index: number): Pick<Draft, "containers" | "volumes"> {
  const next = (at?: number) => (at === undefined || at === index ? undefined : at > index ? at - 1 : at);
  return { containers: without(d.containers, index), volumes: d.volumes.map((v) => ({ ...v, container: next(v.container) })) };
}

/** Words as a shell splits them. */
const words = (text: string) => [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]);
const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

function volumeOf(v: Volume): Json {
  switch (v.kind) {
    case "emptyDir": return { name: v.name, emptyDir: {} };
    case "gitRepo": return { name: v.name, gitRepo: { repository: v.repository } };
    case "secret": return { name: v.name, secret: { [v.file]: base64(v.content) } };
    case "azureFile": return { name: v.name, azureFile: { shareName: v.share, storageAccountName: v.account, storageAccountKey: v.key } };
  }
}

export const hasCredentials = (d: Draft) => d.source === "private" || d.source === "own";

/** The group as ARM takes it. */
export function document(d: Draft): Json {
  const containerOf = (c: Container) => {
    const mounts = d.volumes.filter((v) => v.container === undefined || d.containers[v.container] === c).map((v) => ({ name: v.name, mountPath: v.path }));
    return {
      name: c.name,
      properties: {
        image: c.image,
        ...(c.command.trim() && { command: words(c.command) }),
        ...(c.env.length && { environmentVariables: c.env.map((e) => (e.isSecret ? { name: e.name, secureValue: e.value } : { name: e.name, value: e.value })) }),
        ...(mounts.length && { volumeMounts: mounts }),
        ...(!c.isInit && {
          ...(d.access !== "None" && c === d.containers.find((c) => !c.isInit) && d.ports.length && { ports: d.ports.map((p) => ({ port: Number(p.port), protocol: p.protocol })) }),
          resources: { requests: { cpu: Number(c.cpu), memoryInGB: Number(c.memory) } },
        }),
      },
    };
  };
  const inits = d.containers.filter((c) => c.isInit).map(containerOf);
  return {
    location: d.location,
    ...(d.tags.length && { tags: Object.fromEntries(d.tags.map((t) => [t.name, t.value])) }),
    properties: {
      osType: "Linux", sku: "Standard", restartPolicy: d.restart,
      containers: d.containers.filter((c) => !c.isInit).map(containerOf),
      ...(inits.length && { initContainers: inits }),
      ...(hasCredentials(d) && { imageRegistryCredentials: [{ server: d.server, username: d.user, password: d.password }] }),
      ...(d.access !== "None" && { ipAddress: { type: d.access, ports: d.ports.map((p) => ({ port: Number(p.port), protocol: p.protocol })), ...(d.label && d.access === "Public" && { dnsNameLabel: d.label }) } }),
      ...(d.access === "Private" && d.subnet && { subnetIds: [{ id: d.subnet }] }),
      ...(d.volumes.length && { volumes: d.volumes.map(volumeOf) }),
    },
  };
}

export type Problem = { step: number; field: string; message: string };

export const isLabel = (text: string) => /^[a-z][a-z0-9-]{3,61}[a-z0-9]$/.test(text);

/** What cannot be right, before anybody is asked. */
export function check(d: Draft, taken: Set<string>): Problem[] {
  const found: Problem[] = [];
  const no = (step: number, field: string, message: string) => found.push({ step, field, message });
  const isName = (text: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
  const rule = "Use 1 to 63 lowercase letters, digits and hyphens.";
  if (!/^[\w.()-]{1,90}$/.test(d.rg)) no(0, "rg", "Choose or name a resource group.");
  if (!isName(d.name)) no(0, "name", rule);
  if (taken.has(`${d.rg}/${d.name}`.toLowerCase())) no(0, "name", `There is a group ${d.name} in ${d.rg} already.`);
  if (d.source === "private" && !(d.server && d.user && d.password)) no(0, "server", "Server, user name and password are needed.");
  if (d.source === "own" && !d.registry) no(0, "server", "Choose a registry.");
  if (d.source === "own" && d.containers[0].image && !/:[^/]+$/.test(d.containers[0].image)) no(0, "tag", "Choose a tag.");
  d.containers.forEach((c, index) => {
    if (!isName(c.name)) no(index ? 2 : 0, `containers.${index}.name`, rule);
    if (d.containers.findIndex((other) => other.name === c.name) < index) no(2, `containers.${index}.name`, "Another container has this name.");
    if (!c.image.trim()) no(index ? 2 : 0, `containers.${index}.image`, "Name an image.");
    c.env.forEach((e, at) => /^[A-Za-z_]\w*$/.test(e.name) || no(2, `containers.${index}.env.${at}`, "A variable has letters, digits and _ in its name, and no digit first."));
    for (const part of ["cpu", "memory"] as const) if (!(Number(c[part]) > 0)) no(index ? 2 : 0, `containers.${index}.${part}`, "Enter a number above 0.");
  });
  if (d.access === "Private" && !d.subnet) no(1, "subnet", "Choose a subnet.");
  if (d.access !== "None" && !d.ports.length) no(1, "ports", "Add at least one port.");
  if (d.access !== "None") d.ports.forEach((p, index) => {
    const port = Number(p.port);
    if (!(Number.isInteger(port) && port >= 1 && port <= 65535)) no(1, `ports.${index}`, "Enter a number from 1 to 65535.");
    else if (d.ports.findIndex((other) => Number(other.port) === port && other.protocol === p.protocol) < index) no(1, `ports.${index}`, "This port is in the list already.");
  });
  if (d.label && !isLabel(d.label)) no(1, "label", "Use 5 to 63 lowercase letters, digits and hyphens, beginning with a letter.");
  d.volumes.forEach((v, index) => {
    if (!isName(v.name)) no(3, `volumes.${index}.name`, rule);
    else if (d.volumes.findIndex((other) => other.name === v.name) < index) no(3, `volumes.${index}.name`, "Another volume has this name.");
    if (!v.path.startsWith("/")) no(3, `volumes.${index}.path`, "Enter an absolute path.");
    if (v.kind === "secret" && !v.file) no(3, `volumes.${index}.file`, "Name the file.");
    if (v.kind === "gitRepo" && !v.repository) no(3, `volumes.${index}.repository`, "Enter the address of a repository.");
    if (v.kind === "azureFile") for (const part of ["account", "share"] as const) if (!v[part]) no(3, `volumes.${index}.${part}`, `Choose or name a ${part === "share" ? "share" : "storage account"}.`);
  });
  d.tags.forEach((t, index) => {
    if (!t.name) no(4, `tags.${index}`, "Name the tag.");
    else if (d.tags.findIndex((other) => other.name.toLowerCase() === t.name.toLowerCase()) < index) no(4, `tags.${index}`, "Another tag has this name.");
  });
  return found;
}

/** The field that an error of the daemon is about. */
export function locate(target: string | undefined, code: string, d: Draft): { step: number; field: string } | undefined {
  const text = target ?? "";
  const at = /(containers|initContainers)\[(\d+)\](?:\.properties)?\.?(\w*)/.exec(text);
  if (at) {
    const same = d.containers.filter((c) => c.isInit === (at[1] === "initContainers"));
    const index = d.containers.indexOf(same[Number(at[2])]);
    const part = at[3] === "image" ? "image" : at[3] === "resources" ? (text.includes("memory") ? "memory" : "cpu") : at[3] === "command" ? "command" : "name";
    return { step: index > 0 || part === "command" ? 2 : 0, field: `containers.${index}.${part}` };
  }
  const volumes = /volumes\[(\d+)\]/.exec(text);
  if (volumes) return { step: 3, field: `volumes.${volumes[1]}.name` };
  if (text.includes("dnsNameLabel")) return { step: 1, field: "label" };
  if (text.includes("subnetIds")) return { step: 1, field: "subnet" };
  const port = /ipAddress\.ports\[(\d+)\]/.exec(text);
  if (port) return { step: 1, field: `ports.${port[1]}` };
  if (text.includes("ipAddress")) return { step: 1, field: "ports" };
  if (text.includes("imageRegistryCredentials")) return { step: 0, field: "server" };
  // Azure's errors about images name no property; with one container there is no doubt which it is.
  if (d.containers.length === 1 && /Image|Registry/.test(code)) return { step: 0, field: "containers.0.image" };
  return undefined;
}

/** The document with every secret left out, to be shown and copied. */
export function shown(d: Draft): Json {
  const copy = { ...d, password: "…", containers: d.containers.map((c) => ({ ...c, env: c.env.map((e) => (e.isSecret ? { ...e, value: "…" } : e)) })), volumes: d.volumes.map((v) => ({ ...v, key: "…", content: "…" })) };
  return document(copy);
}
