import { parseId, type Json } from "../api";

/** Where the portal shows a group. */
export function groupPath(id: string): string {
  const { rg, name } = parseId(id);
  return `/groups/${encodeURIComponent(rg)}/${encodeURIComponent(name)}`;
}

export const stateOf = (group: Json): string =>
  group.properties.instanceView?.state || group.properties.provisioningState;

/** All containers of a group, init containers first. */
export const containersOf = (group: Json): Json[] => [...(group.properties.initContainers ?? []), ...group.properties.containers];

export const portText = ({ port, protocol }: Json) => `${port}/${protocol ?? "TCP"}`;
export const tagsText = (tags?: Record<string, string>) =>
  Object.entries(tags ?? {}).map(([name, value]) => `${name}: ${value}`).join(", ") || "none";

/** What a group is made of, in short. */
export function sizeOf(group: Json) {
  const all = group.properties.containers.map((c: Json) => c.properties.resources?.requests ?? {});
  const sum = (name: string) => all.reduce((n: number, r: Json) => n + (r[name] ?? 0), 0);
  return { cpu: sum("cpu"), memory: sum("memoryInGB") };
}

/** Where a browser finds what listens on a port. */
export const urlOf = (ip: string, port: number) => `${port === 443 ? "https" : "http"}://${ip}:${port}/`;

/** Where a group's site is, if it has a port that looks like one. */
export function siteOf(group: Json): string | undefined {
  const { ip, ports } = group.properties.ipAddress ?? {};
  const tcp = (ports ?? []).filter((p: Json) => (p.protocol ?? "TCP") === "TCP").map((p: Json) => p.port);
  const port = tcp.includes(80) ? 80 : tcp.includes(443) ? 443 : tcp[0];
  return ip && port ? urlOf(ip, port) : undefined;
}
