import { Button, Combobox, Field, Input, Option, Select } from "@fluentui/react-components";
import { useAsync } from "../../api";
import { listAccounts, listShares } from "../../files";
import { replace, without } from "../../parts/list";
import { volume, type Volume } from "./draft";
import type { StepProps } from "./step";

export function Volumes({ d, set, say }: StepProps) {
  return (
    <div className="form">
      {!d.volumes.length && <p>No volumes. What a container writes elsewhere is lost when it is restarted.</p>}
      {d.volumes.map((v, index) => {
        const change = (part: Partial<typeof v>) => set({ volumes: replace(d.volumes, index, part) });
        const text = (label: string, name: "repository" | "file" | "content", type: "text" | "password" = "text") => (
          <Field label={label} {...say(`volumes.${index}.${name}`)}><Input type={type} autoComplete="off" value={v[name]} onChange={(_, data) => change({ [name]: data.value })} /></Field>
        );
        return (
          <section className="form" key={index} aria-label={`Volume ${index + 1}`}>
            <div className="line">
              <Field label="Volume name" {...say(`volumes.${index}.name`)}><Input value={v.name} onChange={(_, data) => change({ name: data.value })} /></Field>
              <Field label="Kind"><Select value={v.kind} onChange={(_, data) => change({ kind: data.value as typeof v.kind })}><option value="emptyDir">Empty directory</option><option value="secret">Secret</option><option value="gitRepo">Git repository</option><option value="azureFile">File share</option></Select></Field>
            </div>
            {v.kind === "gitRepo" && text("Repository", "repository")}
            {v.kind === "secret" && <div className="line">{text("File name", "file")}{text("Content", "content", "password")}</div>}
            {v.kind === "azureFile" && <ShareFields v={v} change={change} index={index} say={say} />}
            <div className="line">
              <Field label="Mount path" {...say(`volumes.${index}.path`)}><Input value={v.path} onChange={(_, data) => change({ path: data.value })} /></Field>
              <Field label="In"><Select value={v.container ?? ""} onChange={(_, data) => change({ container: data.value ? Number(data.value) : undefined })}><option value="">all containers</option>{d.containers.map((c, at) => <option key={at} value={at}>{c.name}</option>)}</Select></Field>
              <Button aria-label={`Remove volume ${v.name}`} onClick={() => set({ volumes: without(d.volumes, index) })}>Remove</Button>
            </div>
          </section>
        );
      })}
      <div><Button onClick={() => set({ volumes: [...d.volumes, volume()] })}>Add volume</Button></div>
    </div>
  );
}

/** The shares that there are to choose from; of others, the names and the key. */
function ShareFields({ v, change, index, say }: { v: Volume; change: (part: Partial<Volume>) => void; index: number; say: StepProps["say"] }) {
  const { value } = useAsync("accounts", listAccounts);
  const account = value?.find((one) => one.name === v.account);
  const { value: shares } = useAsync(account?.id ?? "", async () => (account ? listShares(account.id) : []));
  const pick = (label: string, name: "account" | "share", options: string[]) => (
    <Field label={label} {...say(`volumes.${index}.${name}`)}>
      <Combobox freeform value={v[name]} selectedOptions={[v[name]]} onChange={(event) => change({ [name]: event.target.value.trim() })}
        onOptionSelect={(_, data) => data.optionText && change({ [name]: data.optionText })}>
        {options.map((option) => <Option key={option}>{option}</Option>)}
      </Combobox>
    </Field>
  );
  return (
    <>
      <div className="line">{pick("Storage account", "account", (value ?? []).map((one) => one.name))}{pick("Share", "share", (shares ?? []).map((one) => one.name))}</div>
      <Field label="Key" hint="Left empty, the portal asks Wharf for it" {...say(`volumes.${index}.key`)}>
        <Input type="password" autoComplete="off" value={v.key} onChange={(_, data) => change({ key: data.value })} />
      </Field>
    </>
  );
}
