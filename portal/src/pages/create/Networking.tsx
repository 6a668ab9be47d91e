import { Button, Field, Input, Select } from "@fluentui/react-components";
import { useAsync, type Json } from "../../api";
import { replace, without } from "../../parts/list";
import { isDelegated, listNetworks } from "../Networks";
import type { Draft } from "./draft";
import type { StepProps } from "./step";

export function Networking({ d, set, say, isLabelFree }: StepProps & { isLabelFree: boolean }) {
  return (
    <div className="form">
      <Field label="Networking type">
        <Select value={d.access} onChange={(_, data) => set({ access: data.value as Draft["access"] })}>
          <option value="Public">Public: an address of its own</option><option value="Private">Private: in a virtual network</option><option value="None">None: nobody reaches it</option>
        </Select>
      </Field>
      {d.access === "Private" && <SubnetField {...{ d, set, say }} />}
      {d.access === "Public" && <Field label="DNS name label" hint={d.label ? `${d.label}.${d.location}.…` : "Optional"} {...(isLabelFree ? { validationMessage: `${d.label} is available.`, validationState: "success" as const } : say("label"))}><Input value={d.label} onChange={(_, data) => set({ label: data.value })} /></Field>}
      {d.access !== "None" && (
        <>
          <Field label="Ports" {...say("ports")}><span /></Field>
          {d.ports.map((p, index) => (
            <div className="line" key={index}>
              <Field label="Port" {...say(`ports.${index}`)}><Input inputMode="numeric" value={p.port} onChange={(_, data) => set({ ports: replace(d.ports, index, { port: data.value }) })} /></Field>
              <Field label="Protocol"><Select value={p.protocol} onChange={(_, data) => set({ ports: replace(d.ports, index, { protocol: data.value }) })}><option>TCP</option><option>UDP</option></Select></Field>
              <Button aria-label={`Remove port ${p.port}`} onClick={() => set({ ports: without(d.ports, index) })}>Remove</Button>
            </div>
          ))}
          <div><Button onClick={() => set({ ports: [...d.ports, { port: "", protocol: "TCP" }] })}>Add port</Button></div>
        </>
      )}
    </div>
  );
}

/** The subnets that groups may be in. */
function SubnetField({ d, set, say }: StepProps) {
  const { value, error } = useAsync("networks", listNetworks);
  const subnets = (value ?? []).flatMap((network) => network.properties.subnets.filter(isDelegated).map((subnet: Json) => ({ id: subnet.id as string, title: `${network.name} / ${subnet.name}` })));
  return (
    <Field label="Subnet" required hint="Subnets are made on the page Virtual networks" {...say("subnet")} {...(error && { validationMessage: error.message, validationState: "error" })}>
      <Select value={d.subnet} onChange={(_, data) => set({ subnet: data.value })}>
        <option value="">Choose</option>
        {subnets.map(({ id, title }) => <option key={id} value={id}>{title}</option>)}
      </Select>
    </Field>
  );
}
