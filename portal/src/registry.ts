// Registries of this host: what they are by ARM, what is in them by the OCI distribution API, to which
// the user shows the same token.
import { call, home, listAll, nameComplaint, type Json } from "./api";
import { token } from "./auth";
import { ApiError, insist } from "./connection";

export const REGISTRIES = "Microsoft.ContainerRegistry/registries";
const VERSION = "api-version=2023-07-01";
/** Who shows a token instead of a password. */
const TOKEN_USER = "00000000-0000-0000-0000-000000000000";
const INDEX = ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const ACCEPT = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json", ...INDEX].join();

interface Credentials {
  username: string;
  passwords: { name: string; value: string }[];
}
interface Manifest {
  digest: string;
  /** An index is one image for several platforms. */
  isIndex: boolean;
  /** Bytes of an image as it is packed. */
  size: number;
}

export const arm = (method: string, id: string, body?: unknown) => call(method, `${id}?${VERSION}`, body);
export const listRegistries = async (): Promise<Json[]> => listAll(`${(await home()).id}/providers/${REGISTRIES}?${VERSION}`);
export const credentialsOf = (id: string): Promise<Credentials> => arm("POST", `${id}/listCredentials`);
/** Why a registry cannot have a name. */
export const complaintAbout = (name: string) => nameComplaint(REGISTRIES, VERSION, name);
/** Where this host itself finds a registry, whatever names it knows. */
export const localServer = (registry: Json) => `127.0.0.1:${registry.properties.loginServer.split(":")[1] ?? 443}`;

interface Answer {
  body: Json;
  headers: Headers;
}

/** What is in a registry. */
export class Content {
  private name: string;

  constructor(registry: string) {
    this.name = registry.toLowerCase();
  }

  private ask(method: string, path: string): Promise<Answer> {
    return insist(async () => {
      const authorization = `Basic ${btoa(`${TOKEN_USER}:${await token()}`)}`;
      // Nothing else may be sent, and the browser must not ask for a password.
      const response = await fetch(path, { method, cache: "no-store", credentials: "omit", headers: { accept: ACCEPT, authorization } });
      const text = await response.text();
      const body = text ? JSON.parse(text) : null;
      if (response.ok) return { body, headers: response.headers };
      const [error] = body?.errors ?? [];
      throw new ApiError(response.status, error?.code ?? "Error", error?.message ?? `The registry answered ${response.status}.`);
    });
  }

  private async list(path: string, name: string): Promise<string[]> {
    const found: string[] = [];
    for (let next: string | undefined = path; next; ) {
      const { body, headers }: Answer = await this.ask("GET", next);
      found.push(...(body[name] ?? []));
      next = /<([^>]+)>;\s*rel="?next/.exec(headers.get("link") ?? "")?.[1];
    }
    return found;
  }

  private at = (repository: string, rest: string) => `/v2/${this.name}/${repository}/${rest}`;

  repositories = async () => (await this.list(`/v2/${this.name}/_catalog`, "repositories")).map((path) => path.slice(this.name.length + 1));
  tags = (repository: string) => this.list(this.at(repository, "tags/list"), "tags");
  remove = (repository: string, reference: string) => this.ask("DELETE", this.at(repository, `manifests/${reference}`));

  async manifest(repository: string, tag: string): Promise<Manifest> {
    const { body, headers } = await this.ask("GET", this.at(repository, `manifests/${tag}`));
    const parts: Json[] = [body.config, ...(body.layers ?? [])].filter(Boolean);
    return {
      digest: headers.get("docker-content-digest") ?? "",
      isIndex: INDEX.includes(headers.get("content-type") ?? ""),
      size: parts.reduce((sum, part) => sum + part.size, 0),
    };
  }
}
