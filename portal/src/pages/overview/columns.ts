import { parseId, type Json } from "../../api";
import { sizeOf, stateOf } from "../../parts/group";
import type { Group } from "../../watch";

export const imageOf = (group: Json): string =>
  group.properties.containers.map((c: Json) => c.properties.image.split("/").pop()).join(", ");

/** Name, title, what it is sorted and filtered by, class. */
type Column = [string, string, (g: Group) => string | number, string?];
export const COLUMNS: Column[] = [
  ["name", "Name", (g) => g.group.name.toLowerCase()],
  ["state", "State", (g) => stateOf(g.group)],
  ["rg", "Resource group", (g) => parseId(g.group.id).rg, "wide"],
  ["address", "Address", (g) => g.group.properties.ipAddress?.ip ?? ""],
  ["image", "Image", (g) => imageOf(g.group), "wide"],
  ["size", "Size", (g) => sizeOf(g.group).cpu, "wide"],
  ["age", "Age", (g) => -Date.parse(g.createdAt), "wide"],
];
