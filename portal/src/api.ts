// The ARM API, as everybody else uses it.
import { useEffect, useState } from "react";
import { signIn, token } from "./auth";
import { ApiError, insist } from "./connection";

export const VERSION = "2025-09-01";
const RESOURCES = "2022-12-01";

/** A document of ARM's; its shape is checked where it is made, in the daemon. */
export type Json = any;

async function ask(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${await token()}`);
  if (init.body && !headers.has("content-type")) headers.set("content-type", "application/json");
  const response = await fetch(path, { ...init, headers });
  if (response.status === 401) return signIn();
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: {} }));
  const message = error?.message ?? `Wharf answered ${response.status}.`;
  throw new ApiError(response.status, error?.code ?? "Error", message, error?.target);
}

/** An answer whose body is read as it comes. */
export const send = (path: string, init: RequestInit = {}) => insist(() => ask(path, init), init.signal);

const versioned = (path: string) => {
  if (path.includes("api-version=") || path.startsWith("/wharf/")) return path;
  const version = path.includes("Microsoft.ContainerInstance") ? VERSION : RESOURCES;
  return `${path}${path.includes("?") ? "&" : "?"}api-version=${version}`;
};

export async function call(method: string, path: string, body?: unknown): Promise<Json> {
  const sent = { method, body: body === undefined ? undefined : JSON.stringify(body) };
  const text = await insist(async () => (await ask(versioned(path), sent)).text());
  return text ? JSON.parse(text) : null;
}
export const get = (path: string) => call("GET", path);

/** Every page of a list. */
export async function listAll(path: string): Promise<Json[]> {
  const found: Json[] = [];
  for (let next: string | undefined = path; next; ) {
    const page: Json = await get(next);
    found.push(...page.value);
    next = page.nextLink && new URL(page.nextLink).pathname + new URL(page.nextLink).search;
  }
  return found;
}

let first: Promise<{ id: string; location: string }> | undefined;
/** The one subscription, and where it is. */
export const home = () =>
  (first ??= (async () => {
    const { value } = await get("/subscriptions");
    if (!value.length) {
      throw new ApiError(403, "NoRole", "Your account has no role here yet. Ask an owner for one.");
    }
    const id = `/subscriptions/${value[0].subscriptionId}`;
    const locations = await get(`${id}/locations`);
    return { id, location: locations.value[0]?.name ?? "local" };
  })());

/** The resource groups that the user may see. */
export const resourceGroups = async () => listAll(`${(await home()).id}/resourceGroups`);

/** Why something of a type cannot have a name; `version` is the query with its api-version. */
export async function nameComplaint(type: string, version: string, name: string): Promise<string | undefined> {
  const provider = `${(await home()).id}/providers/${type.split("/")[0]}`;
  const answer = await call("POST", `${provider}/checkNameAvailability?${version}`, { name, type });
  return answer.nameAvailable ? undefined : answer.message;
}

export const groupId = (sub: string, rg: string, name: string) =>
  `${sub}/resourceGroups/${rg}/providers/Microsoft.ContainerInstance/containerGroups/${name}`;
export const parseId = (id: string) => {
  const parts = id.split("/");
  return { rg: parts[4], name: parts[8] };
};

/** What a promise came to, again whenever `key` changes. When only `turn` does, what is known stays until then. */
export function useAsync<T>(key: string, work: () => Promise<T>, turn: unknown = 0) {
  const [state, set] = useState<{ value?: T; error?: Error; key?: string }>({});
  const [asked, again] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    work().then(
      (value) => isCurrent && set({ value, key }),
      (error) => isCurrent && set({ error, key }),
    );
    return () => void (isCurrent = false);
  }, [key, turn, asked]);
  const settled = state.key === key ? state : {};
  return { ...settled, reload: () => again((n) => n + 1) };
}

interface Permission {
  actions: string[];
  notActions: string[];
  dataActions: string[];
  notDataActions: string[];
}
const known = new Map<string, Promise<Permission[]>>();
const matches = (patterns: string[], action: string) =>
  patterns.some((pattern) => {
    const text = pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*");
    return new RegExp(`^${text}$`, "i").test(action);
  });

function permissionsAt(scope: string): Promise<Permission[]> {
  const asked = known.get(scope) ?? listAll(`${scope}/providers/Microsoft.Authorization/permissions`);
  known.set(scope, asked);
  // What could not be asked is not known.
  asked.catch(() => known.delete(scope));
  return asked;
}

const useKnown = (scope: string | undefined) => useAsync(scope ?? "", async () => (scope ? permissionsAt(scope) : [])).value ?? [];

const allowedBy = (sets: Permission[]) => (action: string) =>
  sets.some((set) => matches(set.actions, action) && !matches(set.notActions, action));

/** Says of actions whether the user may do them at a scope; of none before that is known. */
export function usePermissions(scope: string | undefined): (action: string) => boolean {
  return allowedBy(useKnown(scope));
}

/** The same of the whole subscription or of any resource group in it. */
export function usePermissionsAnywhere(): (action: string) => boolean {
  const { value } = useAsync("anywhere", async () => {
    const { id } = await home();
    const scopes = [id, ...(await resourceGroups()).map((rg) => rg.id as string)];
    const sets = await Promise.all(scopes.map((scope) => permissionsAt(scope).catch(() => [])));
    return sets.flat();
  });
  return allowedBy(value ?? []);
}

/** The same of actions on data. */
export function useDataPermissions(scope: string | undefined): (action: string) => boolean {
  const sets = useKnown(scope);
  return (action) => sets.some((set) => matches(set.dataActions, action) && !matches(set.notDataActions, action));
}
