import { Combobox, Field, Input, Option, Select } from "@fluentui/react-components";
import type { Json } from "../../api";
import { replace } from "../../parts/list";
import { QUICKSTARTS, type Draft } from "./draft";
import { OwnImage } from "./OwnImage";
import type { StepProps } from "./step";

export function Basics({ d, set, say, rgs, limits }: StepProps & { rgs: string[]; limits?: Json }) {
  const main = d.containers[0];
  const change = (part: Partial<typeof main>) => set({ containers: replace(d.containers, 0, part) });
  const source = (name: Draft["source"]) => {
    set({ source: name, registry: "", server: "", user: "", password: "" });
    change({ image: name === "quickstart" ? QUICKSTARTS[0] : "" });
  };
  return (
    <div className="form">
      <Field label="Subscription"><Input readOnly value="Wharf" /></Field>
      <Field label="Resource group" hint={d.isNewRg ? `${d.rg} will be created.` : undefined} {...say("rg")}>
        <Combobox freeform value={d.rg} selectedOptions={[d.rg]} onOptionSelect={(_, data) => data.optionText && set({ rg: data.optionText, isNewRg: !rgs.includes(data.optionText) })}
          onChange={(event) => set({ rg: event.target.value.trim(), isNewRg: !rgs.some((rg) => rg.toLowerCase() === event.target.value.trim().toLowerCase()) })}>
          {rgs.map((rg) => <Option key={rg}>{rg}</Option>)}
        </Combobox>
      </Field>
      <Field label="Container group name" required {...say("name")}>
        <Input value={d.name} onChange={(_, data) => set({ name: data.value, containers: main.name === d.name ? replace(d.containers, 0, { name: data.value }) : d.containers })} />
      </Field>
      <Field label="Region"><Input readOnly value={d.location} /></Field>
      <Field label="Image source">
        <Select value={d.source} onChange={(_, data) => source(data.value as Draft["source"])}>
          <option value="quickstart">Quickstart images</option><option value="own">Azure Container Registry of this host</option><option value="other">Docker Hub or another registry, public</option><option value="private">Another registry, private</option>
        </Select>
      </Field>
      {d.source === "own" ? <OwnImage {...{ d, set, say }} /> : (
        <Field label="Image" required {...say("containers.0.image")}>
          {d.source === "quickstart" ? <Select value={main.image} onChange={(_, data) => change({ image: data.value })}>{QUICKSTARTS.map((image) => <option key={image}>{image}</option>)}</Select>
            : <Input value={main.image} placeholder="registry/name:tag" onChange={(_, data) => change({ image: data.value })} />}
        </Field>
      )}
      {d.source === "private" && <Login {...{ d, set, say }} />}
      <Field label="OS type"><Input readOnly value="Linux" /></Field>
      <div className="line">
        <Field label="CPU cores" hint={limits && `Up to ${limits.maxCpu}`} {...say("containers.0.cpu")}><Input inputMode="decimal" value={main.cpu} onChange={(_, data) => change({ cpu: data.value })} /></Field>
        <Field label="Memory (GB)" hint={limits && `Up to ${limits.maxMemoryInGB}`} {...say("containers.0.memory")}><Input inputMode="decimal" value={main.memory} onChange={(_, data) => change({ memory: data.value })} /></Field>
      </div>
    </div>
  );
}

const Login = ({ d, set, say }: StepProps) => (
  <>
    <Field label="Registry login server" required {...say("server")}><Input value={d.server} onChange={(_, data) => set({ server: data.value })} /></Field>
    <div className="line">
      <Field label="User name" required><Input value={d.user} autoComplete="off" onChange={(_, data) => set({ user: data.value })} /></Field>
      <Field label="Password" required><Input type="password" autoComplete="new-password" value={d.password} onChange={(_, data) => set({ password: data.value })} /></Field>
    </div>
  </>
);
