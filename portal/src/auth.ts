// Signing in at the daemon's own token issuer: authorization code with PKCE (RFC 7636). Tokens are
// kept in sessionStorage: they do not outlive the tab.
import { insist } from "./connection";

const CLIENT = "wharf-portal";
const ISSUER = "/wharf/oauth2/v2.0";
const SCOPE = "https://management.wharf.internal/.default openid profile offline_access";
const REDIRECT = `${location.origin}/portal/`;

/** How long a token that is given out is good at least, in milliseconds. */
const MARGIN = 5 * 60_000;

interface Session {
  access: string;
  refresh: string;
  until: number;
  user: string;
}

let session: Session | null = load();
let renewing: Promise<void> | null = null;

function load(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem("session") ?? "null");
  } catch {
    return null;
  }
}

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Leaves for the sign-in page; comes back to where the user was. */
export async function signIn(): Promise<never> {
  sessionStorage.removeItem("session");
  const [verifier, state] = [random(), random()];
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const back = location.pathname + location.search + location.hash;
  sessionStorage.setItem("login", JSON.stringify({ verifier, state, back }));
  const query = new URLSearchParams({
    client_id: CLIENT,
    response_type: "code",
    redirect_uri: REDIRECT,
    scope: SCOPE,
    state,
    code_challenge: base64url(new Uint8Array(hash)),
    code_challenge_method: "S256",
  });
  location.assign(`${ISSUER}/authorize?${query}`);
  return new Promise(() => {});
}

export function signOut() {
  sessionStorage.clear();
  session = null;
  location.assign("/portal/");
}

/** What the issuer answers, or nothing when it refuses. */
const grant = (form: Record<string, string>) =>
  insist(async () => {
    const body = new URLSearchParams({ client_id: CLIENT, scope: SCOPE, ...form });
    const response = await fetch(`${ISSUER}/token`, { method: "POST", body });
    return response.ok ? response.json() : undefined;
  });

async function ask(form: Record<string, string>): Promise<boolean> {
  const answer = await grant(form);
  if (!answer) return false;
  const claims = JSON.parse(
    new TextDecoder().decode(
      Uint8Array.from(atob(answer.id_token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) =>
        c.charCodeAt(0),
      ),
    ),
  );
  session = {
    access: answer.access_token,
    refresh: answer.refresh_token,
    until: Date.now() + answer.expires_in * 1000,
    user: claims.upn ?? claims.sub,
  };
  sessionStorage.setItem("session", JSON.stringify(session));
  return true;
}

/** Completes a sign-in under way, or begins one; returns who the user is. */
export async function start(): Promise<string> {
  const query = new URLSearchParams(location.search);
  const code = query.get("code");
  const login = JSON.parse(sessionStorage.getItem("login") ?? "null");
  if (code && login && query.get("state") === login.state) {
    sessionStorage.removeItem("login");
    const redeem = { grant_type: "authorization_code", code, redirect_uri: REDIRECT };
    const isIn = await ask({ ...redeem, code_verifier: login.verifier });
    history.replaceState(null, "", login.back);
    if (!isIn) return signIn();
  }
  if (!session) return signIn();
  return session.user;
}

/** A token that is good for some minutes more. */
export async function token(): Promise<string> {
  if (!session) return signIn();
  if (session.until - Date.now() < MARGIN) {
    const refresh = session.refresh;
    renewing ??= ask({ grant_type: "refresh_token", refresh_token: refresh })
      .then((isIn) => (isIn ? undefined : signIn()))
      .finally(() => (renewing = null));
    await renewing;
  }
  return session.access;
}

const others = new Map<string, { access: string; until: number }>();

/** A token for another service of the daemon's, kept in this page's memory. */
export async function tokenFor(scope: string): Promise<string> {
  const known = others.get(scope);
  if (known && known.until - Date.now() > MARGIN) return known.access;
  await token();
  const answer = await grant({ grant_type: "refresh_token", refresh_token: session!.refresh, scope });
  if (!answer) return signIn();
  others.set(scope, { access: answer.access_token, until: Date.now() + answer.expires_in * 1000 });
  return answer.access_token;
}
