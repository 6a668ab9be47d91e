// The group of the wizard as a command of `az`.
import { hasCredentials, type Draft, type Volume } from "./draft";

const quote = (text: string) => (/^[\w./:@=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** What flags say of a volume. They know no empty directory, and put a repository elsewhere. */
function mount(v: Volume): string | undefined {
  const at = quote(v.path);
  switch (v.kind) {
    case "secret": return ` --secrets ${quote(`${v.file}=…`)} --secrets-mount-path ${at}`;
    case "azureFile": return ` --azure-file-volume-account-name ${quote(v.account)} --azure-file-volume-account-key … --azure-file-volume-share-name ${quote(v.share)} --azure-file-volume-mount-path ${at}`;
  }
}

/** Whether flags can say all of it: one container, which is called like the group, and one volume at most. */
function isPlain(d: Draft): boolean {
  const hasOneProtocol = d.access === "None" || d.ports.every((p) => p.protocol === d.ports[0].protocol);
  return d.containers.length === 1 && d.containers[0].name === d.name && d.volumes.length < 2 && d.volumes.every(mount) && hasOneProtocol;
}

/** The same as a command; what flags cannot say is left to a file with the YAML. */
export function command(d: Draft): string {
  if (!isPlain(d)) return `az container create -g ${quote(d.rg)} --file ${quote(`${d.name}.yaml`)}`;
  const c = d.containers[0];
  const flags: [string, string][] = [
    ["-g", d.rg], ["-n", d.name], ["--image", c.image], ["--os-type", "Linux"], ["--cpu", c.cpu], ["--memory", c.memory], ["--restart-policy", d.restart],
  ];
  let text = `az container create ${flags.map(([flag, value]) => `${flag} ${quote(value)}`).join(" ")}`;
  if (d.access !== "None") text += ` --ip-address ${d.access} --ports ${d.ports.map((p) => p.port).join(" ")} --protocol ${d.ports[0]?.protocol ?? "TCP"}`;
  if (d.access === "Public" && d.label) text += ` --dns-name-label ${d.label}`;
  if (d.access === "Private" && d.subnet) text += ` --subnet ${quote(d.subnet)}`;
  if (c.command) text += ` --command-line ${quote(c.command)}`;
  const list = (isSecret: boolean) => c.env.filter((e) => e.isSecret === isSecret).map((e) => quote(`${e.name}=${isSecret ? "…" : e.value}`)).join(" ");
  if (list(false)) text += ` --environment-variables ${list(false)}`;
  if (list(true)) text += ` --secure-environment-variables ${list(true)}`;
  if (hasCredentials(d)) text += ` --registry-login-server ${quote(d.server)} --registry-username ${quote(d.user)} --registry-password …`;
  text += d.volumes.map(mount).join("");
  if (d.tags.length) text += ` --tags ${d.tags.map((t) => quote(`${t.name}=${t.value}`)).join(" ")}`;
  return text;
}
