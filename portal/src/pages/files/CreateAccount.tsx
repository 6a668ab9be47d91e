import { Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { home } from "../../api";
import { ACCOUNTS, arm, complaintAbout } from "../../files";
import { useComplaint } from "../../parts/complaint";
import { FormDialog } from "../../parts/dialogs";
import { bad } from "../../parts/format";
import { ResourceGroup, useResourceGroup } from "../../parts/resource-group";

export function CreateAccount({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const rg = useResourceGroup();
  const [name, setName] = useState("");
  const isNamed = /^[a-z0-9]{3,24}$/.test(name);
  const { complaint } = useComplaint(isNamed ? name : "", complaintAbout);
  const problem = name && !isNamed ? "Use 3 to 24 lowercase letters and digits." : complaint;
  const create = async () => {
    const scope = await rg.make();
    const { location } = await home();
    await arm("PUT", `${scope}/providers/${ACCOUNTS}/${name}`, { location, kind: "StorageV2", sku: { name: "Standard_LRS" } });
    onDone();
  };
  return (
    <FormDialog title="Create storage account" verb="Create" isReady={rg.isReady && isNamed && !problem} onSubmit={create} onClose={onClose}>
      <Field label="Account name" required hint="No other account on this host has it" {...bad(!!problem, problem ?? "")}>
        <Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} />
      </Field>
      <ResourceGroup {...rg} />
    </FormDialog>
  );
}
