// The API as the administrator asks it, beside the browser.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
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

/** Gives a user a role; returns what takes it away. */
export async function give(user, role, scope) {
  const authorization = "providers/Microsoft.Authorization";
  const version = "api-version=2022-04-01";
  const roles = (await send("GET", `${subscription}/${authorization}/roleDefinitions?${version}`)).value;
  const users = (await send("GET", "/wharf/v1/identity/users")).value;
  const properties = {
    roleDefinitionId: roles.find((one) => one.properties.roleName === role).id,
    principalId: users.find((one) => one.userPrincipalName === user).id,
  };
  const assignment = `${scope}/${authorization}/roleAssignments/${randomUUID()}?${version}`;
  await send("PUT", assignment, { properties });
  return () => send("DELETE", assignment);
}
