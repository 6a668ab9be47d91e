import { Button, Checkbox, Field, Input, Select } from "@fluentui/react-components";
import { replace, without } from "../../parts/list";
import { container, QUICKSTARTS, withoutContainer } from "./draft";
import type { StepProps } from "./step";

export function Advanced({ d, set, say }: StepProps) {
  return (
    <div className="form">
      <Field label="Restart policy"><Select value={d.restart} onChange={(_, data) => set({ restart: data.value })}>{["Always", "OnFailure", "Never"].map((p) => <option key={p}>{p}</option>)}</Select></Field>
      <p>Key management: Wharf keeps secrets encrypted with a key of its own on this host; there is nothing to choose.</p>
      {d.containers.map((c, index) => {
        const change = (part: Partial<typeof c>) => set({ containers: replace(d.containers, index, part) });
        return (
          <section className="form" key={index} aria-label={`Container ${index + 1}`}>
            <h3>{c.isInit ? "Init container" : "Container"} {index + 1}</h3>
            <Field label="Name" {...say(`containers.${index}.name`)}><Input value={c.name} onChange={(_, data) => change({ name: data.value })} /></Field>
            {index > 0 && (
              <>
                <Checkbox label="Runs to its end before the others start (init container)" checked={c.isInit} onChange={(_, data) => change({ isInit: !!data.checked })} />
                <Field label="Image" {...say(`containers.${index}.image`)}><Input value={c.image} onChange={(_, data) => change({ image: data.value })} /></Field>
                {!c.isInit && (
                  <div className="line">
                    <Field label="CPU cores" {...say(`containers.${index}.cpu`)}><Input value={c.cpu} onChange={(_, data) => change({ cpu: data.value })} /></Field>
                    <Field label="Memory (GB)" {...say(`containers.${index}.memory`)}><Input value={c.memory} onChange={(_, data) => change({ memory: data.value })} /></Field>
                  </div>
                )}
              </>
            )}
            <Field label="Command override" hint="Optional; quotes keep words together" {...say(`containers.${index}.command`)}><Input value={c.command} onChange={(_, data) => change({ command: data.value })} /></Field>
            {c.env.map((e, at) => (
              <div className="line" key={at}>
                <Field label="Variable" {...say(`containers.${index}.env.${at}`)}><Input value={e.name} onChange={(_, data) => change({ env: replace(c.env, at, { name: data.value }) })} /></Field>
                <Field label="Value"><Input type={e.isSecret ? "password" : "text"} value={e.value} autoComplete="off" onChange={(_, data) => change({ env: replace(c.env, at, { value: data.value }) })} /></Field>
                <Checkbox label="Secure" checked={e.isSecret} onChange={(_, data) => change({ env: replace(c.env, at, { isSecret: !!data.checked }) })} />
                <Button aria-label={`Remove variable ${e.name}`} onClick={() => change({ env: without(c.env, at) })}>Remove</Button>
              </div>
            ))}
            <div className="bar">
              <Button onClick={() => change({ env: [...c.env, { name: "", value: "", isSecret: false }] })}>Add variable</Button>
              {index > 0 && <Button onClick={() => set(withoutContainer(d, index))}>Remove container</Button>}
            </div>
          </section>
        );
      })}
      <div><Button onClick={() => set({ containers: [...d.containers, container(`container-${d.containers.length + 1}`, QUICKSTARTS[2])] })}>Add container</Button></div>
    </div>
  );
}
