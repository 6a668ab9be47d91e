import { Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import type { Entry } from "../../files";
import { FormDialog } from "../../parts/dialogs";
import { bad } from "../../parts/format";

interface Props {
  title: string;
  label: string;
  verb: string;
  first?: string;
  /** What else is in the folder. */
  others: Entry[];
  onSubmit: (name: string) => Promise<void>;
  onClose: () => void;
}

/** Asks for the name of a file or folder. */
export function NameDialog({ title, label, verb, first = "", others, onSubmit, onClose }: Props) {
  const [name, setName] = useState(first);
  const problem = /["\\/:|<>*?]/.test(name) ? 'A name has none of " \\ / : | < > * ?' : others.some((entry) => entry.name.toLowerCase() === name.toLowerCase()) ? "This name is taken." : "";
  const isReady = !!name.trim() && !problem && name !== first && name !== "." && name !== "..";
  return (
    <FormDialog title={title} verb={verb} isReady={isReady} onSubmit={() => onSubmit(name)} onClose={onClose}>
      <Field label={label} required {...bad(!!problem, problem)}><Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} /></Field>
    </FormDialog>
  );
}
