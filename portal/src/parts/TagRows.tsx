import { Button, Field, Input } from "@fluentui/react-components";
import type { Said } from "./format";
import { replace, without } from "./list";

export interface Tag {
  name: string;
  value: string;
}

interface Props {
  tags: Tag[];
  onChange: (tags: Tag[]) => void;
  /** What is to be said of the name of a tag. */
  say?: (index: number) => Said;
}

/** Tags to be entered. */
export const TagRows = ({ tags, onChange, say }: Props) => (
  <>
    {tags.map(({ name, value }, index) => (
      <div className="line" key={index}>
        <Field label="Tag" {...say?.(index)}><Input value={name} autoComplete="off" onChange={(_, data) => onChange(replace(tags, index, { name: data.value }))} /></Field>
        <Field label="Value"><Input value={value} autoComplete="off" onChange={(_, data) => onChange(replace(tags, index, { value: data.value }))} /></Field>
        <Button aria-label={`Remove tag ${name}`} onClick={() => onChange(without(tags, index))}>Remove</Button>
      </div>
    ))}
    <div><Button onClick={() => onChange([...tags, { name: "", value: "" }])}>Add tag</Button></div>
  </>
);
