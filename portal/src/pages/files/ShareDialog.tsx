import { Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import type { Json } from "../../api";
import { arm, listShares } from "../../files";
import { FormDialog } from "../../parts/dialogs";
import { bad } from "../../parts/format";

/** The most that a share may be given, in GiB. */
const MAX = 102_400;

interface Props {
  account: Json;
  /** A share whose quota is to be changed; without one, a share is made. */
  share?: Json;
  onDone: () => void;
  onClose: () => void;
}

export function ShareDialog({ account, share, onDone, onClose }: Props) {
  const [name, setName] = useState("");
  const [quota, setQuota] = useState(String(share?.properties.shareQuota ?? 5120));
  const isNamed = !!share || (name.length >= 3 && name.length <= 63 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name));
  const gib = Number(quota);
  const isQuota = Number.isInteger(gib) && gib >= 1 && gib <= MAX;
  const save = async () => {
    if (!share && (await listShares(account.id)).some((other) => other.name === name)) throw new Error(`There is a share ${name} already.`);
    const properties = { shareQuota: gib };
    if (share) await arm("PATCH", share.id, { properties });
    else await arm("PUT", `${account.id}/fileServices/default/shares/${name}`, { properties });
    onDone();
  };
  return (
    <FormDialog title={share ? `Quota of ${share.name}` : `Create share in ${account.name}`} verb={share ? "Save" : "Create"} isReady={isNamed && isQuota} onSubmit={save} onClose={onClose}>
      {!share && (
        <Field label="Share name" required {...bad(!!name && !isNamed, "Use 3 to 63 lowercase letters, digits and single hyphens.")}>
          <Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} />
        </Field>
      )}
      <Field label="Quota (GiB)" {...bad(!isQuota, "Enter a number from 1 to 102,400.")}><Input inputMode="numeric" value={quota} onChange={(_, data) => setQuota(data.value)} /></Field>
    </FormDialog>
  );
}
