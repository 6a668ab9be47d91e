// The API as the administrator asks it, beside the browser.
import assert from "node:assert/strict";
import { url } from "./browser.mjs";

const { WHARF_SUBSCRIPTION: id, WHARF_TOKEN: token } = process.env;
export const subscription = `/subscriptions/${id}`;
export const admin = { authorization: `Bearer ${token}` };

export async function ask(path, init = { headers: admin }) {
  const response = await fetch(`${url}${path}`, init);
  if (!response.ok) assert.fail(`${path}: ${response.status} ${await response.text()}`);
  return response;
}

/** Asks with a body of JSON, and is answered with one. */
export async function send(method, path, body) {
  const headers = { ...admin, "content-type": "application/json" };
  const text = await (await ask(path, { method, headers, body: body && JSON.stringify(body) })).text();
  return text && JSON.parse(text);
}
