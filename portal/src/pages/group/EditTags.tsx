import { Button, Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { call } from "../../api";
import { FormDialog } from "../../parts/dialogs";

export function EditTags({ id, tags, onClose }: { id: string; tags: Record<string, string>; onClose: () => void }) {
  const [rows, setRows] = useState(Object.entries(tags));
  const change = (index: number, row: [string, string]) => setRows(rows.map((old, at) => (at === index ? row : old)));
  const names = rows.map(([name]) => name.toLowerCase());
  const isReady = names.every((name, index) => name && names.indexOf(name) === index);
  return (
    <FormDialog title="Edit tags" verb="Save" isReady={isReady} onSubmit={() => call("PATCH", id, { tags: Object.fromEntries(rows) })} onClose={onClose}>
      {rows.map(([name, value], index) => (
        <div className="line" key={index}>
          <Field label="Tag"><Input value={name} autoComplete="off" onChange={(_, data) => change(index, [data.value, value])} /></Field>
          <Field label="Value"><Input value={value} autoComplete="off" onChange={(_, data) => change(index, [name, data.value])} /></Field>
          <Button aria-label={`Remove tag ${name}`} onClick={() => setRows(rows.filter((_, at) => at !== index))}>Remove</Button>
        </div>
      ))}
      <div><Button onClick={() => setRows([...rows, ["", ""]])}>Add tag</Button></div>
    </FormDialog>
  );
}
