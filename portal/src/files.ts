// Azure Files REST, as everybody else uses it: requests are signed with the account's key, which
// stays in this page's memory, or show a token where the user may not have that.
import { call, home, listAll, nameComplaint, type Json } from "./api";
import { tokenFor } from "./auth";
import { ApiError, insist } from "./connection";

export const ACCOUNTS = "Microsoft.Storage/storageAccounts";
const STORAGE = "api-version=2023-01-01";
const VERSION = "2024-11-04";
const SCOPE = "https://storage.azure.com/.default";
/** What roles on data say of files. */
export const FILES = `${ACCOUNTS}/fileServices/fileshares/files`;
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
export const complaintAbout = (name: string) => nameComplaint(ACCOUNTS, STORAGE, name);

const keysIn = ({ keys }: Json): { name: string; value: string }[] => keys.map((key: Json) => ({ name: key.keyName, value: key.value }));
export const keysOf = async (account: string) => keysIn(await arm("POST", `${account}/listKeys`));
export const renewKey = async (account: string, keyName: string) => keysIn(await arm("POST", `${account}/regenerateKey`, { keyName }));

/** The first key of an account. */
const keyOf = async (id: string) => (await keysOf(id))[0].value;

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

/** A share, with its account's key if the user may have that. */
export class Share {
  private constructor(readonly account: string, readonly share: string, private key?: CryptoKey) {}

  static async open(account: string, name: string, share: string): Promise<Share> {
    try {
      const bytes = Uint8Array.from(atob(await keyOf(account)), (c) => c.charCodeAt(0));
      return new Share(name, share, await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]));
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) return new Share(name, share);
      throw error;
    }
  }

  /** Whether everything is allowed; otherwise roles on data tell. */
  get hasKey() {
    return !!this.key;
  }

  private sign = async (text: string) => base64(await crypto.subtle.sign("HMAC", this.key!, new TextEncoder().encode(text)));
  private path = (segments: string[]) => `/${[this.account, this.share, ...segments].join("/")}`;

  /** The headers of a request, with what lets it in. */
  private async proven(method: string, url: URL, { query = {}, headers = {}, body }: Sent): Promise<Record<string, string>> {
    const kind = body ? "application/octet-stream" : "";
    const own: Record<string, string> = { ...headers, "x-ms-allow-trailing-dot": "true", "x-ms-date": new Date().toUTCString(), "x-ms-version": VERSION };
    const sent = kind ? { ...own, "content-type": kind } : own;
    if (!this.key) return { ...sent, "x-ms-file-request-intent": "backup", authorization: `Bearer ${await tokenFor(SCOPE)}` };
    const plain = ["", "", body?.size || "", "", kind, "", "", "", "", "", ""];
    const lines = Object.keys(own).sort().map((name) => `${name}:${own[name]}`);
    const asked = Object.keys(query).sort().map((name) => `${name}:${query[name]}`);
    const text = [method, ...plain, ...lines, `/${this.account}${url.pathname}`, ...asked].join("\n");
    return { ...sent, authorization: `SharedKey ${this.account}:${await this.sign(text)}` };
  }

  private ask<T>(method: string, segments: string[], sent: Sent, read: (response: Response) => Promise<T>): Promise<T> {
    const url = new URL(this.path(segments), location.origin);
    url.search = Object.entries(sent.query ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    const { body, signal } = sent;
    return insist(async () => {
      // A cache would send conditions of its own, which are not signed.
      const response = await fetch(url, { method, body, signal, cache: "no-store", headers: await this.proven(method, url, sent) });
      if (!response.ok) throw await refusal(response);
      return read(response);
    }, signal);
  }

  private send = (method: string, segments: string[], sent: Sent) => this.ask(method, segments, sent, (response) => response.text());

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

  /** An address from which the browser saves the file, for some time. */
  async link(path: string[]): Promise<string> {
    if (this.key) return this.signedLink(path);
    const url = URL.createObjectURL(await this.ask("GET", path, {}, (response) => response.blob()));
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    return url;
  }

  private async signedLink(path: string[]): Promise<string> {
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
