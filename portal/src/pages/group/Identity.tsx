import { listAll, useAsync, type Json } from "../../api";
import { Empty } from "../../parts/show";
import { Listed, Table } from "../../parts/Table";
import { Link } from "../../router";

interface Principal {
  name: string;
  principalId: string;
  clientId?: string;
}

function principalsOf({ identity }: Json): Principal[] {
  const own = identity?.principalId ? [{ name: "System-assigned", principalId: identity.principalId }] : [];
  const assigned = Object.entries<Json>(identity?.userAssignedIdentities ?? {});
  return [...own, ...assigned.map(([id, { principalId, clientId }]) => ({ name: id.split("/").pop()!, principalId, clientId }))];
}

/** As whom a group asks for tokens, and what it may do then. */
export default function Identity({ group }: { group: Json }) {
  const principals = principalsOf(group);
  if (!principals.length) return <Empty title="This group has no identity"><p>With one, its containers get tokens for this API and for file shares (<code>identity</code> in its YAML).</p></Empty>;
  return (
    <>
      <Table label="Identities" head={<><th>Identity</th><th>Principal</th><th>Client</th></>}>
        {principals.map(({ name, principalId, clientId }) => <tr key={principalId}><td>{name}</td><td title={principalId}>{principalId}</td><td title={clientId}>{clientId ?? "–"}</td></tr>)}
      </Table>
      <h2>Roles</h2>
      <Roles id={group.id} principals={principals} />
    </>
  );
}

function Roles({ id, principals }: { id: string; principals: Principal[] }) {
  const subscription = id.split("/").slice(0, 3).join("/");
  const { value, error } = useAsync(principals.map((one) => one.principalId).join(), async () => {
    const of = (path: string) => listAll(`${subscription}/providers/Microsoft.Authorization/${path}`);
    const roles = await of("roleDefinitions");
    const found = await Promise.all(principals.map(async ({ name, principalId }) => {
      const assigned = await of(`roleAssignments?$filter=${encodeURIComponent(`principalId eq '${principalId}'`)}`);
      return assigned.map(({ properties }) => ({ name, scope: properties.scope as string, role: roles.find((role) => properties.roleDefinitionId.endsWith(role.name))?.properties.roleName as string }));
    }));
    return found.flat();
  });
  return (
    <Listed value={value} error={error} what="roles" empty={<p>No roles: its tokens open nothing. Roles are given on the page <Link to="/access">Access control</Link>.</p>}>
      {(found) => (
        <Table label="Roles" head={<><th>Identity</th><th>Role</th><th>Scope</th></>}>
          {found.map(({ name, role, scope }) => <tr key={name + role + scope}><td>{name}</td><td>{role}</td><td title={scope}>{scope}</td></tr>)}
        </Table>
      )}
    </Listed>
  );
}
