import { Button, Field, Input } from "@fluentui/react-components";
import { replace, without, type StepProps } from "./step";

export function Tags({ d, set, say }: StepProps) {
  return (
    <div className="form">
      {d.tags.map((t, index) => (
        <div className="line" key={index}>
          <Field label="Tag" {...say(`tags.${index}`)}><Input value={t.name} onChange={(_, data) => set({ tags: replace(d.tags, index, { name: data.value }) })} /></Field>
          <Field label="Value"><Input value={t.value} onChange={(_, data) => set({ tags: replace(d.tags, index, { value: data.value }) })} /></Field>
          <Button onClick={() => set({ tags: without(d.tags, index) })}>Remove</Button>
        </div>
      ))}
      <div><Button onClick={() => set({ tags: [...d.tags, { name: "", value: "" }] })}>Add tag</Button></div>
    </div>
  );
}
