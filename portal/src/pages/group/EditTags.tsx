import { useState } from "react";
import { call } from "../../api";
import { FormDialog } from "../../parts/dialogs";
import { TagRows } from "../../parts/TagRows";

export function EditTags({ id, tags, onClose }: { id: string; tags: Record<string, string>; onClose: () => void }) {
  const [rows, setRows] = useState(Object.entries(tags).map(([name, value]) => ({ name, value })));
  const names = rows.map(({ name }) => name.toLowerCase());
  const isReady = names.every((name, index) => name && names.indexOf(name) === index);
  const save = () => call("PATCH", id, { tags: Object.fromEntries(rows.map(({ name, value }) => [name, value])) });
  return (
    <FormDialog title="Edit tags" verb="Save" isReady={isReady} onSubmit={save} onClose={onClose}>
      <TagRows tags={rows} onChange={setRows} />
    </FormDialog>
  );
}
