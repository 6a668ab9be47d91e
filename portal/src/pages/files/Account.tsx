import { Button } from "@fluentui/react-components";
import { useState } from "react";
import { parseId, useAsync, usePermissions, type Json } from "../../api";
import { ACCOUNTS, arm, keysOf, listShares, renewKey, usageOf } from "../../files";
import { useAct } from "../../parts/act";
import { ConfirmDelete } from "../../parts/dialogs";
import { bytesOf } from "../../parts/format";
import { Keys } from "../../parts/Keys";
import { Age, Failure } from "../../parts/show";
import { Actions, Listed, Table } from "../../parts/Table";
import { Link } from "../../router";
import { ShareDialog } from "./ShareDialog";

type Asked = { what: "create" | "keys" } | { what: "quota"; share: Json } | { what: "delete"; target: Json };

/** A storage account and its shares. */
export function Account({ account, onChange }: { account: Json; onChange: () => void }) {
  const { rg, name } = parseId(account.id);
  const can = usePermissions(account.id);
  const { value, error, reload } = useAsync(account.id, () => listShares(account.id));
  const [asked, setAsked] = useState<Asked>();
  const { failure, act } = useAct();
  const close = () => setAsked(undefined);
  const remove = (target: Json) => act(arm("DELETE", target.id), target === account ? onChange : reload);
  const isWriter = can(`${ACCOUNTS}/fileServices/shares/write`);
  const isDeleter = can(`${ACCOUNTS}/fileServices/shares/delete`);
  return (
    <section className="card" aria-label={`Storage account ${name}`}>
      <div className="bar">
        <h2>{name}</h2><span className="quiet">in {rg}</span><span className="grow" />
        {isWriter && <Button onClick={() => setAsked({ what: "create" })}>Create share</Button>}
        {can(`${ACCOUNTS}/listKeys/action`) && <Button onClick={() => setAsked({ what: "keys" })} aria-label={`Access keys of ${name}`}>Access keys</Button>}
        {can(`${ACCOUNTS}/delete`) && <Button onClick={() => setAsked({ what: "delete", target: account })} aria-label={`Delete account ${name}`}>Delete account</Button>}
      </div>
      <Failure error={failure} />
      <Listed value={value} error={error} what="shares" empty={<p>No shares yet.</p>}>
        {(shares) => (
          <Table label={`Shares of ${name}`} head={<><th>Share</th><th>Used</th><th>Quota</th><th className="wide">Changed</th>{(isWriter || isDeleter) && <Actions />}</>}>
            {shares.map((share) => (
              <tr key={share.id}>
                <td><Link to={`/files/${encodeURIComponent(rg)}/${name}/${share.name}`}>{share.name}</Link></td>
                <td><Used id={share.id} /></td>
                <td>{share.properties.shareQuota} GiB</td>
                <td className="wide"><Age at={share.properties.lastModifiedTime} ago /></td>
                {(isWriter || isDeleter) && (
                  <td className="end"><span className="bar">
                    {isWriter && <Button size="small" onClick={() => setAsked({ what: "quota", share })} aria-label={`Change quota of ${share.name}`}>Quota</Button>}
                    {isDeleter && <Button size="small" onClick={() => setAsked({ what: "delete", target: share })} aria-label={`Delete share ${share.name}`}>Delete</Button>}
                  </span></td>
                )}
              </tr>
            ))}
          </Table>
        )}
      </Listed>
      {asked?.what === "create" && <ShareDialog account={account} onDone={reload} onClose={close} />}
      {asked?.what === "quota" && <ShareDialog account={account} share={asked.share} onDone={reload} onClose={close} />}
      {asked?.what === "keys" && (
        <Keys about="A key opens all shares of the account, for containers, scripts and this page. What is mounted stays mounted when a key is made anew." onClose={close}
          load={() => keysOf(account.id)} renew={can(`${ACCOUNTS}/regenerateKey/action`) ? (key) => renewKey(account.id, key) : undefined} />
      )}
      {asked?.what === "delete" && (
        <ConfirmDelete names={[asked.target.name]} onDelete={() => remove(asked.target)} onClose={close}
          loss={asked.target === account ? "The account is deleted with all its shares and the files in them." : "The share is deleted with all files in it."} />
      )}
    </section>
  );
}

function Used({ id }: { id: string }) {
  const { value } = useAsync(id, () => usageOf(id));
  return value === undefined ? "…" : <span title={`${value} bytes`}>{bytesOf(value)}</span>;
}
