import { Button, Checkbox } from "@fluentui/react-components";
import { useState } from "react";
import type { Entry } from "../../files";
import { bytesOf } from "../../parts/format";
import { Age } from "../../parts/show";
import { Actions, Table } from "../../parts/Table";
import { Link } from "../../router";

interface EntriesProps {
  entries: Entry[];
  chosen: Set<string>;
  setChosen: (chosen: Set<string>) => void;
  save: (entry: Entry) => void;
  path: string;
  isChoosing: boolean;
}

const FolderSign = () => (
  <svg className="sign" viewBox="0 0 16 16" aria-hidden="true"><path fill="#f2b53c" d="M1 3h5l2 2h7v8H1z" /></svg>
);

/** Rows that are shown at once; a folder may have any number. */
const STEP = 500;

export function Entries({ entries, chosen, setChosen, save, path, isChoosing }: EntriesProps) {
  const [count, setCount] = useState(STEP);
  const choose = (segments: string[], isOn: boolean) => {
    const next = new Set(chosen);
    for (const segment of segments) if (isOn) next.add(segment); else next.delete(segment);
    setChosen(next);
  };
  const all = entries.map((entry) => entry.segment);
  return (
    <>
      <Table label="Files and folders" head={(
        <>
          {isChoosing && <th className="tick"><Checkbox aria-label="Choose all" checked={all.every((segment) => chosen.has(segment))} onChange={(_, data) => choose(all, !!data.checked)} /></th>}
          <th>Name</th><th>Size</th><th className="wide">Changed</th><Actions />
        </>
      )}>
        {entries.slice(0, count).map((entry) => (
          <tr key={entry.segment}>
            {isChoosing && <td className="tick"><Checkbox aria-label={`Choose ${entry.name}`} checked={chosen.has(entry.segment)} onChange={(_, data) => choose([entry.segment], !!data.checked)} /></td>}
            <td title={entry.name}>{entry.isFolder ? <Link to={`${path}/${entry.segment}`}><FolderSign /> {entry.name}</Link> : entry.name}</td>
            <td>{entry.isFolder ? "–" : <span title={`${entry.size} bytes`}>{bytesOf(entry.size)}</span>}</td>
            <td className="wide"><Age at={entry.changed} ago /></td>
            <td className="end">{!entry.isFolder && <Button size="small" aria-label={`Download ${entry.name}`} onClick={() => save(entry)}>Download</Button>}</td>
          </tr>
        ))}
      </Table>
      {entries.length > count && <p className="center"><Button onClick={() => setCount(count + STEP)}>Show more of {entries.length}</Button></p>}
    </>
  );
}
