import { Checkbox } from "@fluentui/react-components";
import { useState, type UIEvent } from "react";
import { parseId } from "../../api";
import { groupPath, siteOf, sizeOf, stateOf } from "../../parts/group";
import { Outside } from "../../parts/Outside";
import { Age, Empty, State } from "../../parts/show";
import { Link } from "../../router";
import type { Group } from "../../watch";
import { COLUMNS, imageOf } from "./columns";

const ROW = 44;

interface TableProps {
  shown: Group[];
  sort: [string, number];
  setSort: (sort: [string, number]) => void;
  chosen: Set<string>;
  setChosen: (chosen: Set<string>) => void;
  isChoosing: boolean;
}

/** Only the rows in sight are in the document. */
export function GroupTable({ shown, sort, setSort, chosen, setChosen, isChoosing }: TableProps) {
  const [top, setTop] = useState(0);
  const from = shown.length > 60 ? Math.max(0, Math.floor(top / ROW) - 10) : 0;
  const part = shown.length > 60 ? shown.slice(from, from + 50) : shown;
  const choose = (id: string, isOn: boolean) => {
    const next = new Set(chosen);
    if (isOn) next.add(id); else next.delete(id);
    setChosen(next);
  };
  const isAll = shown.length > 0 && shown.every((g) => chosen.has(g.group.id));
  const gap = (height: number) => height > 0 && <tr aria-hidden="true" style={{ height }} />;
  return (
    <div className="table rows" tabIndex={0} role="region" aria-label="Container groups" onScroll={(event: UIEvent<HTMLDivElement>) => shown.length > 60 && setTop(event.currentTarget.scrollTop)}>
      <table aria-rowcount={shown.length + 1}>
        <thead>
          <tr>
            {isChoosing && <th><Checkbox aria-label="Choose all" checked={isAll} onChange={(_, data) => setChosen(new Set(data.checked ? shown.map((g) => g.group.id) : []))} /></th>}
            {COLUMNS.map(([name, title, , className]) => (
              <th key={name} className={className} aria-sort={sort[0] === name ? (sort[1] > 0 ? "ascending" : "descending") : "none"}>
                <button onClick={() => setSort([name, sort[0] === name ? -sort[1] : 1])}>{title}{sort[0] === name && (sort[1] > 0 ? " ↑" : " ↓")}</button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {gap(from * ROW)}
          {part.map((entry, index) => {
            const { group, createdAt } = entry;
            const { rg, name } = parseId(group.id);
            const { cpu, memory } = sizeOf(group);
            const site = siteOf(group);
            return (
              <tr key={group.id} aria-rowindex={from + index + 2}>
                {isChoosing && <td><Checkbox aria-label={`Choose ${name}`} checked={chosen.has(group.id)} onChange={(_, data) => choose(group.id, !!data.checked)} /></td>}
                <td><Link to={groupPath(group.id)}>{name}</Link></td>
                <td><State state={stateOf(group)} /></td>
                <td className="wide">{rg}</td>
                <td>{site ? <Outside href={site}>{group.properties.ipAddress.ip}</Outside> : group.properties.ipAddress?.ip ?? "–"}</td>
                <td className="wide" title={imageOf(group)}>{imageOf(group)}</td>
                <td className="wide">{cpu} CPU, {memory} GB</td>
                <td className="wide"><Age at={createdAt} /></td>
              </tr>
            );
          })}
          {gap((shown.length - from - part.length) * ROW)}
        </tbody>
      </table>
      {!shown.length && <Empty title="Nothing matches the filter" />}
    </div>
  );
}
