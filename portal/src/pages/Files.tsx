import { Button, Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { home, parseId, useAsync, usePermissions, type Json } from "../api";
import { arm, complaintAbout, listAccounts, listShares } from "../files";
import { useComplaint } from "../parts/complaint";
import { ConfirmDelete, FormDialog } from "../parts/dialogs";
import { bad } from "../parts/format";
import { ResourceGroup, useResourceGroup } from "../parts/resource-group";
import { Age, Empty, Failure, Loading } from "../parts/show";
import { Link } from "../router";

const ACCOUNTS = "Microsoft.Storage/storageAccounts";

export default function Files() {
  const { value: sub } = useAsync("home", home);
  const can = usePermissions(sub?.id);
  const { value, error, reload } = useAsync("accounts", listAccounts);
  const [isCreating, setCreating] = useState(false);
  return (
    <>
      <h1>File shares</h1>
      <p>Folders that container groups mount and that keep what is in them. Shares belong to a storage account, whose keys open them.</p>
      {can(`${ACCOUNTS}/write`) && <div className="bar"><Button appearance="primary" onClick={() => setCreating(true)}>Create storage account</Button></div>}
      <Failure error={error} />
      {!value && !error && <Loading what="storage accounts" />}
      {value && !value.length && <Empty title="No storage accounts yet"><p>A share needs a storage account to be in.</p></Empty>}
      {value?.map((account) => <Account key={account.id} account={account} onChange={reload} />)}
      {isCreating && <CreateAccount onDone={async () => reload()} onClose={() => setCreating(false)} />}
    </>
  );
}

function Account({ account, onChange }: { account: Json; onChange: () => void }) {
  const { rg, name } = parseId(account.id);
  const can = usePermissions(account.id);
  const { value, error, reload } = useAsync(account.id, () => listShares(account.id));
  const [isCreating, setCreating] = useState(false);
  /** What is to be deleted: a share, or the account itself. */
  const [doomed, setDoomed] = useState<Json>();
  const [failure, setFailure] = useState<Error>();
  const remove = (target: Json) => {
    setFailure(undefined);
    arm("DELETE", target.id).then(target === account ? onChange : reload, setFailure);
  };
  const isDeleter = can(`${ACCOUNTS}/fileServices/shares/delete`);
  return (
    <section className="card" aria-label={`Storage account ${name}`}>
      <div className="bar">
        <h2>{name}</h2><span className="quiet">in {rg}</span><span className="grow" />
        {can(`${ACCOUNTS}/fileServices/shares/write`) && <Button onClick={() => setCreating(true)}>Create share</Button>}
        {can(`${ACCOUNTS}/delete`) && <Button onClick={() => setDoomed(account)} aria-label={`Delete account ${name}`}>Delete account</Button>}
      </div>
      <Failure error={failure} />
      <Failure error={error} />
      {!value && !error && <Loading what="shares" />}
      {value && !value.length && <p>No shares yet.</p>}
      {!!value?.length && (
        <div className="table" tabIndex={0} role="region" aria-label={`Shares of ${name}`}>
          <table>
            <thead><tr><th>Share</th><th>Quota</th><th className="wide">Changed</th>{isDeleter && <th><span className="unseen">Actions</span></th>}</tr></thead>
            <tbody>{value.map((share) => (
              <tr key={share.id}>
                <td><Link to={`/files/${encodeURIComponent(rg)}/${name}/${share.name}`}>{share.name}</Link></td>
                <td>{share.properties.shareQuota} GiB</td>
                <td className="wide"><Age at={share.properties.lastModifiedTime} ago /></td>
                {isDeleter && <td className="end"><Button size="small" onClick={() => setDoomed(share)} aria-label={`Delete share ${share.name}`}>Delete</Button></td>}
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
      {isCreating && <CreateShare account={account} onDone={async () => reload()} onClose={() => setCreating(false)} />}
      {doomed && (
        <ConfirmDelete names={[doomed.name]} onDelete={() => remove(doomed)} onClose={() => setDoomed(undefined)}
          loss={doomed === account ? "The account is deleted with all its shares and the files in them." : "The share is deleted with all files in it."} />
      )}
    </section>
  );
}

interface CreateProps {
  onDone: () => Promise<void>;
  onClose: () => void;
}

function CreateAccount({ onDone, onClose }: CreateProps) {
  const { value: sub } = useAsync("home", home);
  const rg = useResourceGroup();
  const [name, setName] = useState("");
  const isNamed = /^[a-z0-9]{3,24}$/.test(name);
  const { complaint } = useComplaint(isNamed ? name : "", complaintAbout);
  const problem = name && !isNamed ? "Use 3 to 24 lowercase letters and digits." : complaint;
  const create = async () => {
    const scope = await rg.make();
    await arm("PUT", `${scope}/providers/${ACCOUNTS}/${name}`, { location: sub!.location, kind: "StorageV2", sku: { name: "Standard_LRS" } });
    await onDone();
  };
  return (
    <FormDialog title="Create storage account" verb="Create" isReady={rg.isReady && !!sub && isNamed && !problem} onSubmit={create} onClose={onClose}>
      <Field label="Account name" required hint="No other account on this host has it" validationMessage={problem} validationState={problem ? "error" : "none"}>
        <Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} />
      </Field>
      <ResourceGroup {...rg} />
    </FormDialog>
  );
}

function CreateShare({ account, onDone, onClose }: CreateProps & { account: Json }) {
  const [name, setName] = useState("");
  const [quota, setQuota] = useState("5120");
  const isNamed = name.length >= 3 && name.length <= 63 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
  const gib = Number(quota);
  const isQuota = Number.isInteger(gib) && gib >= 1 && gib <= 102_400;
  const create = async () => {
    const id = `${account.id}/fileServices/default/shares/${name}`;
    if ((await listShares(account.id)).some((share) => share.name === name)) throw new Error(`There is a share ${name} already.`);
    await arm("PUT", id, { properties: { shareQuota: gib } });
    await onDone();
  };
  return (
    <FormDialog title={`Create share in ${account.name}`} verb="Create" isReady={isNamed && isQuota} onSubmit={create} onClose={onClose}>
      <Field label="Share name" required {...bad(!!name && !isNamed, "Use 3 to 63 lowercase letters, digits and single hyphens.")}>
        <Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} />
      </Field>
      <Field label="Quota (GiB)" {...bad(!isQuota, "Enter a number from 1 to 102,400.")}><Input inputMode="numeric" value={quota} onChange={(_, data) => setQuota(data.value)} /></Field>
    </FormDialog>
  );
}
