import { Button, Checkbox, Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { home, parseId, useAsync, usePermissionsAnywhere } from "../api";
import { useComplaint } from "../parts/complaint";
import { FormDialog } from "../parts/dialogs";
import { bad } from "../parts/format";
import { ResourceGroup, useResourceGroup } from "../parts/resource-group";
import { Age, Empty } from "../parts/show";
import { Listed, Table } from "../parts/Table";
import { arm, complaintAbout, listRegistries, REGISTRIES } from "../registry";
import { Link } from "../router";

export default function Registries() {
  const can = usePermissionsAnywhere();
  const { value, error, reload } = useAsync("registries", listRegistries);
  const [isCreating, setCreating] = useState(false);
  return (
    <>
      <h1>Registries</h1>
      <p>Places for images of your own on this host, with the interfaces of Azure Container Registry and of every OCI registry.</p>
      {can(`${REGISTRIES}/write`) && <div className="bar"><Button appearance="primary" onClick={() => setCreating(true)}>Create registry</Button></div>}
      <Listed value={value} error={error} what="registries" empty={<Empty title="No registries yet"><p>Images of Docker Hub and of other registries need none here.</p></Empty>}>
        {(registries) => (
          <Table label="Registries" head={<><th>Registry</th><th>Login server</th><th className="wide">Resource group</th><th className="wide">SKU</th><th className="wide">Admin user</th><th className="wide">Created</th></>}>
            {registries.map(({ id, name, sku, properties }) => (
              <tr key={id}>
                <td><Link to={`/registries/${encodeURIComponent(parseId(id).rg)}/${name}`}>{name}</Link></td>
                <td title={properties.loginServer}>{properties.loginServer}</td>
                <td className="wide">{parseId(id).rg}</td>
                <td className="wide">{sku.name}</td>
                <td className="wide">{properties.adminUserEnabled ? "on" : "off"}</td>
                <td className="wide"><Age at={properties.creationDate} ago /></td>
              </tr>
            ))}
          </Table>
        )}
      </Listed>
      {isCreating && <CreateRegistry onDone={reload} onClose={() => setCreating(false)} />}
    </>
  );
}

function CreateRegistry({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const rg = useResourceGroup();
  const [name, setName] = useState("");
  const [hasAdmin, setAdmin] = useState(true);
  const isNamed = /^[A-Za-z0-9]{5,50}$/.test(name);
  const { complaint } = useComplaint(isNamed ? name : "", complaintAbout);
  const problem = name && !isNamed ? "Use 5 to 50 letters and digits." : complaint;
  const create = async () => {
    const scope = await rg.make();
    const { location } = await home();
    await arm("PUT", `${scope}/providers/${REGISTRIES}/${name}`, { location, sku: { name: "Basic" }, properties: { adminUserEnabled: hasAdmin } });
    onDone();
  };
  return (
    <FormDialog title="Create registry" verb="Create" isReady={rg.isReady && isNamed && !problem} onSubmit={create} onClose={onClose}>
      <Field label="Registry name" required hint="No other registry on this host has it" {...bad(!!problem, problem ?? "")}>
        <Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} />
      </Field>
      <ResourceGroup {...rg} />
      <Checkbox label="Admin user: a name and two passwords that may do everything in the registry" checked={hasAdmin} onChange={(_, data) => setAdmin(!!data.checked)} />
    </FormDialog>
  );
}
