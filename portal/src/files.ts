// Azure Files REST, as everybody else uses it: requests are signed with the account's key, which
// stays in this page's memory.
import { call, home, listAll, type Json } from "./api";
import { ApiError, insist } from "./connection";

export const ACCOUNTS = "Microsoft.Storage/storageAccounts";
const STORAGE = "api-version=2023-01-01";
const VERSION = "2024-11-04";
/** What one Put Range may bring. */
const RANGE = 4 * 2 ** 20;
const AT_ONCE = 4;

export interface Entry {
  name: string;
  /** The name as it stands in an address. */
  segment: string;
  isFolder: boolean;
  size: number;
  changed?: string;
}

export const listAccounts = async (): Promise<Json[]> =>
  listAll(`${(await home()).id}/providers/${ACCOUNTS}?${STORAGE}`);
export const listShares = (account: string) => listAll(`${account}/fileServices/default/shares?${STORAGE}`);
export const arm = (method: string, id: string, body?: unknown) => call(method, `${id}?${STORAGE}`, body);

/** Why an account cannot have a name. */
export async function complaintAbout(name: string): Promise<string | undefined> {
  const answer = await arm("POST", `${(await home()).id}/providers/Microsoft.Storage/checkNameAvailability`, { name, type: ACCOUNTS });
  return answer.nameAvailable ? undefined : answer.message;
}

const keysIn = ({ keys }: Json): { name: string; value: string }[] => keys.map((key: Json) => ({ name: key.keyName, value: key.value }));
export const keysOf = async (account: string) => keysIn(await arm("POST", `${account}/listKeys`));
export const renewKey = async (account: string, keyName: string) => keysIn(await arm("POST", `${account}/regenerateKey`, { keyName }));

/** The first key of an account. */
export const keyOf = async (id: string) => (await keysOf(id))[0].value;

/** How many bytes the files of a share occupy. */
export const usageOf = async (share: string): Promise<number> => (await call("GET", `${share}?${STORAGE}&$expand=stats`)).properties.shareUsageBytes;

/** The key of an account that is known by name only. */
export async function keyByName(name: string): Promise<string> {
  const found = (await listAccounts()).find((account) => account.name === name);
  if (!found) throw new ApiError(404, "NoAccount", `There is no storage account ${name} here that you may see; enter its key.`);
  return keyOf(found.id);
}

const base64 = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
/** What a part of an address says; what is no UTF-8 in it is shown as such. */
export function nameOf(segment: string): string {
  const bytes = [...segment.matchAll(/%([0-9a-f]{2})|[^%]+|%/gi)].flatMap(([text, hex]) => (hex ? [parseInt(hex, 16)] : [...new TextEncoder().encode(text)]));
  return new TextDecoder().decode(new Uint8Array(bytes));
}

interface Sent {
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Blob;
  signal?: AbortSignal;
}

/** A share whose account's key is known. */
export class Share {
  private constructor(readonly account: string, readonly share: string, private key: CryptoKey) {}

  static async open(account: string, name: string, share: string): Promise<Share> {
    const bytes = Uint8Array.from(atob(await keyOf(account)), (c) => c.charCodeAt(0));
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new Share(name, share, key);
  }

  private sign = async (text: string) => base64(await crypto.subtle.sign("HMAC", this.key, new TextEncoder().encode(text)));
  private path = (segments: string[]) => `/${[this.account, this.share, ...segments].join("/")}`;

  private async send(method: string, segments: string[], { query = {}, headers = {}, body, signal }: Sent): Promise<string> {
    const url = new URL(this.path(segments), location.origin);
    url.search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    const kind = body ? "application/octet-stream" : "";
    return insist(async () => {
      const own: Record<string, string> = { ...headers, "x-ms-allow-trailing-dot": "true", "x-ms-date": new Date().toUTCString(), "x-ms-version": VERSION };
      const plain = ["", "", body?.size || "", "", kind, "", "", "", "", "", ""];
      const lines = Object.keys(own).sort().map((name) => `${name}:${own[name]}`);
      const asked = Object.keys(query).sort().map((name) => `${name}:${query[name]}`);
      const text = [method, ...plain, ...lines, `/${this.account}${url.pathname}`, ...asked].join("\n");
      const authorization = `SharedKey ${this.account}:${await this.sign(text)}`;
      // A cache would send conditions of its own, which are not signed.
      const response = await fetch(url, { method, body, signal, cache: "no-store", headers: { ...own, authorization, ...(kind && { "content-type": kind }) } });
      if (!response.ok) throw await refusal(response);
      return response.text();
    }, signal);
  }

  /** What is in a folder, folders first. */
  async list(folder: string[]): Promise<Entry[]> {
    const found: Entry[] = [];
    for (let marker = ""; ; ) {
      const query = { restype: "directory", comp: "list", include: "Timestamps", ...(marker && { marker }) };
      const text = await this.send("GET", folder, { query });
      const page = new DOMParser().parseFromString(text, "text/xml");
      found.push(...[...page.querySelectorAll("Entries > *")].map(entryOf));
      marker = page.querySelector("NextMarker")?.textContent ?? "";
      if (!marker) break;
    }
    return found.sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || a.name.localeCompare(b.name));
  }

  async makeFolder(folder: string[], signal?: AbortSignal) {
    await this.send("PUT", folder, { query: { restype: "directory" }, signal });
  }

  async rename(from: string[], to: string[], isFolder: boolean) {
    const headers = { "x-ms-file-rename-source": `${location.origin}${this.path(from)}` };
    await this.send("PUT", to, { query: { comp: "rename", ...(isFolder && { restype: "directory" }) }, headers });
  }

  /** Writes a file, and takes away what it has written if that breaks off. */
  async upload(path: string[], file: Blob, signal: AbortSignal, onProgress: (bytes: number) => void) {
    await this.send("PUT", path, { headers: { "x-ms-type": "file", "x-ms-content-length": String(file.size) }, signal });
    let [next, done] = [0, 0];
    const work = async () => {
      while (next < file.size) {
        const from = next;
        const body = file.slice(from, (next = Math.min(next + RANGE, file.size)));
        const headers = { "x-ms-range": `bytes=${from}-${from + body.size - 1}`, "x-ms-write": "update" };
        await this.send("PUT", path, { query: { comp: "range" }, headers, body, signal });
        onProgress((done += body.size));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } catch (error) {
      next = file.size;
      await this.send("DELETE", path, {}).catch(() => {});
      throw error;
    }
  }

  /** Deletes a file, or a folder with all that is in it. */
  async remove(path: string[], isFolder: boolean) {
    if (isFolder) for (const entry of await this.list(path)) await this.remove([...path, entry.segment], entry.isFolder);
    await this.send("DELETE", path, isFolder ? { query: { restype: "directory" } } : {});
  }

  /** An address that is good for an hour and has the browser save the file. */
  async link(path: string[]): Promise<string> {
    const until = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z/, "Z");
    const names = path.map(nameOf);
    const saved = `attachment; filename*=UTF-8''${encodeURIComponent(names[names.length - 1])}`;
    const kind = "application/octet-stream";
    const text = ["r", "", until, `/file/${this.account}/${this.share}/${names.join("/")}`, "", "", "https", VERSION, "", saved, "", "", kind].join("\n");
    const query = { sv: VERSION, sr: "f", sp: "r", se: until, spr: "https", rscd: saved, rsct: kind, sig: await this.sign(text) };
    return `${this.path(path)}?${Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
  }
}

function entryOf(element: Element): Entry {
  const name = element.querySelector("Name")!;
  const said = (tag: string) => element.querySelector(tag)?.textContent ?? undefined;
  const isEncoded = name.getAttribute("Encoded") === "true";
  const segment = isEncoded ? name.textContent! : encodeURIComponent(name.textContent!);
  return {
    name: isEncoded ? nameOf(segment) : name.textContent!,
    segment,
    isFolder: element.tagName === "Directory",
    size: Number(said("Content-Length") ?? 0),
    changed: said("LastWriteTime"),
  };
}

async function refusal(response: Response): Promise<ApiError> {
  const page = new DOMParser().parseFromString(await response.text(), "text/xml");
  const said = (tag: string) => page.querySelector(tag)?.textContent?.split("\n")[0];
  const code = said("Code") ?? response.headers.get("x-ms-error-code") ?? "Error";
  return new ApiError(response.status, code, said("Message") ?? `Wharf answered ${response.status}.`);
}
