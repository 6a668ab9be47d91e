import { Button, Field, Select } from "@fluentui/react-components";
import { useState } from "react";
import { call, home, listAll, parseId, resourceGroups, useAsync, usePermissions, type Json } from "../api";
import { useAct } from "../parts/act";
import { ConfirmDelete, FormDialog } from "../parts/dialogs";
import { Age, Empty, Failure } from "../parts/show";
import { Actions, Listed, Table } from "../parts/Table";

const AUTHORIZATION = "providers/Microsoft.Authorization";
const COLLECTIONS = [["users", "User"], ["servicePrincipals", "Service principal"], ["managedIdentities", "Managed identity"]];

interface Known {
  sub: string;
  roles: Json[];
  assignments: Json[];
  /** By object id; empty if the caller may not ask. */
  principals: Map<string, { name: string; kind: string }>;
}

async function load(): Promise<Known> {
  const { id: sub } = await home();
  const of = async ([collection, kind]: string[]) => (await listAll(`/wharf/v1/identity/${collection}`).catch(() => [])).map((one) => [one.id, { name: one.userPrincipalName ?? one.displayName, kind }] as const);
  const [roles, assignments, ...principals] = await Promise.all([listAll(`${sub}/${AUTHORIZATION}/roleDefinitions`), listAll(`${sub}/${AUTHORIZATION}/roleAssignments`), ...COLLECTIONS.map(of)]);
  return { sub, roles, assignments, principals: new Map(principals.flat()) };
}

const lastOf = (id: string) => id.slice(id.lastIndexOf("/") + 1);
const scopeName = (scope: string) => (scope === "/" ? "everything" : scope.split("/").length <= 3 ? "subscription" : scope.split("/").slice(scope.includes("/providers/") ? -2 : 4).join("/"));

export default function Access() {
  const { value, error, reload } = useAsync("access", load);
  const can = usePermissions(value?.sub);
  const [isAdding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<{ id: string; name: string }>();
  const { failure, act } = useAct();
  const isDeleter = can("Microsoft.Authorization/roleAssignments/delete");
  const roleOf = (assignment: Json) => value!.roles.find((role) => role.name === lastOf(assignment.properties.roleDefinitionId))?.properties.roleName ?? lastOf(assignment.properties.roleDefinitionId);
  const whoOf = (assignment: Json) => value!.principals.get(assignment.properties.principalId) ?? { name: assignment.properties.principalId, kind: assignment.properties.principalType };
  return (
    <>
      <h1>Access control</h1>
      <p>Who has which role where. A role holds at its scope and in all that is below it.</p>
      {can("Microsoft.Authorization/roleAssignments/write") && <div className="bar"><Button appearance="primary" onClick={() => setAdding(true)}>Add role assignment</Button></div>}
      <Failure error={failure} />
      <Listed value={value?.assignments} error={error} what="role assignments" empty={<Empty title="Nobody has a role yet" />}>
        {(assignments) => (
          <Table label="Role assignments" head={<><th>Who</th><th className="wide">Kind</th><th>Role</th><th>Scope</th><th className="wide">Since</th>{isDeleter && <Actions />}</>}>
            {assignments.map((one) => {
              const who = whoOf(one);
              const role = roleOf(one);
              return (
                <tr key={one.id}>
                  <td title={one.properties.principalId}>{who.name}</td>
                  <td className="wide">{who.kind}</td>
                  <td title={role}>{role}</td>
                  <td title={one.properties.scope}>{scopeName(one.properties.scope)}</td>
                  <td className="wide"><Age at={one.properties.createdOn} ago /></td>
                  {isDeleter && <td className="end">{one.id.startsWith("/subscriptions/") && <Button size="small" aria-label={`Remove ${role} of ${who.name}`} onClick={() => setDoomed({ id: one.id, name: who.name })}>Remove</Button>}</td>}
                </tr>
              );
            })}
          </Table>
        )}
      </Listed>
      {value && isAdding && <Add known={value} onDone={reload} onClose={() => setAdding(false)} />}
      {doomed && <ConfirmDelete names={[doomed.name]} loss={`${doomed.name} loses this role; their account stays.`} onDelete={() => act(call("DELETE", doomed.id), reload)} onClose={() => setDoomed(undefined)} />}
    </>
  );
}

function Add({ known, onDone, onClose }: { known: Known; onDone: () => void; onClose: () => void }) {
  const { value: scopes } = useAsync("scopes", async () => {
    const [rgs, resources] = await Promise.all([resourceGroups(), listAll(`${known.sub}/resources`)]);
    return { rgs, resources };
  });
  const roles = [...known.roles].sort((a, b) => a.properties.roleName.localeCompare(b.properties.roleName));
  const isOnData = (one: Json) => one.properties.permissions.some((set: Json) => set.dataActions?.length);
  const [role, setRole] = useState(roles.find((one) => one.properties.roleName === "Reader")?.name ?? roles[0]?.name ?? "");
  const [who, setWho] = useState("");
  const [scope, setScope] = useState(known.sub);
  const add = async () => {
    const properties = { roleDefinitionId: `${known.sub}/${AUTHORIZATION}/roleDefinitions/${role}`, principalId: who };
    await call("PUT", `${scope}/${AUTHORIZATION}/roleAssignments/${crypto.randomUUID()}`, { properties });
    onDone();
  };
  return (
    <FormDialog title="Add role assignment" verb="Add" isReady={!!who && !!role} onSubmit={add} onClose={onClose}>
      <Field label="Who" required hint="Users and service principals are made on the host: wharf user create, wharf sp create">
        <Select value={who} onChange={(_, data) => setWho(data.value)}><option value="">Choose</option>{[...known.principals].map(([id, { name, kind }]) => <option key={id} value={id}>{name} ({kind.toLowerCase()})</option>)}</Select>
      </Field>
      <Field label="Role" required hint={roles.find((one) => one.name === role)?.properties.description}>
        <Select value={role} onChange={(_, data) => setRole(data.value)}>
          {[["Roles on resources", roles.filter((one) => !isOnData(one))] as const, ["Roles on data", roles.filter(isOnData)] as const].map(([title, some]) => !!some.length && (
            <optgroup key={title} label={title}>{some.map((one) => <option key={one.name} value={one.name}>{one.properties.roleName}</option>)}</optgroup>
          ))}
        </Select>
      </Field>
      <Field label="Scope" required>
        <Select value={scope} onChange={(_, data) => setScope(data.value)}>
          <option value={known.sub}>The whole subscription</option>
          {scopes?.rgs.map(({ id, name }) => <option key={id} value={id}>Resource group {name}</option>)}
          {scopes?.resources.map(({ id }) => <option key={id} value={id}>{scopeName(id)} in {parseId(id).rg}</option>)}
        </Select>
      </Field>
    </FormDialog>
  );
}
