import { Button, Checkbox, ProgressBar, SearchBox } from "@fluentui/react-components";
import { useMemo, useState, type UIEvent } from "react";
import { call, get, home, parseId, useAsync, usePermissions, type Json } from "../api";
import { ConfirmDelete } from "../parts/dialogs";
import { siteOf, sizeOf, stateOf } from "../parts/group";
import { Age, Empty, Failure, Loading, State } from "../parts/show";
import { go, Link } from "../router";
import { useGroups, type Group } from "../watch";

const ROW = 44;
type Column = [string, string, (g: Group) => string | number, string?];
const COLUMNS: Column[] = [
  ["name", "Name", (g) => g.group.name.toLowerCase()],
  ["state", "State", (g) => stateOf(g.group)],
  ["rg", "Resource group", (g) => parseId(g.group.id).rg, "wide"],
  ["address", "Address", (g) => g.group.properties.ipAddress?.ip ?? ""],
  ["image", "Image", (g) => imageOf(g.group), "wide"],
  ["size", "Size", (g) => sizeOf(g.group).cpu, "wide"],
  ["age", "Age", (g) => -Date.parse(g.createdAt), "wide"],
];
const imageOf = (group: Json): string =>
  group.properties.containers.map((c: Json) => c.properties.image.split("/").pop()).join(", ");

function Gauges() {
  const { groups } = useGroups();
  // Asked again when the number of groups changes, not by the clock.
  const { value } = useAsync(`usages ${groups.size}`, async () => {
    const { id, location } = await home();
    return (await get(`${id}/providers/Microsoft.ContainerInstance/locations/${location}/usages`)).value;
  });
  const running = [...groups.values()].filter((g) => stateOf(g.group) === "Running");
  const memory = running.reduce((sum, g) => sum + sizeOf(g.group).memory, 0);
  const usage = (name: string) => (value ?? []).find((u: Json) => u.name.value === name);
  const gauge = (title: string, text: string, part?: number) => (
    <div className="card gauge" key={title}>
      <span>{title}</span><b>{text}</b>
      {part !== undefined && <ProgressBar value={Math.min(1, part)} color={part > 0.9 && title !== "Running groups" ? "error" : "brand"} aria-label={title} />}
    </div>
  );
  const [addresses, cores] = [usage("ContainerGroups"), usage("StandardCores")];
  return (
    <div className="cards">
      {gauge("Running groups", `${running.length} of ${groups.size}`, groups.size ? running.length / groups.size : 0)}
      {gauge("CPU asked for", cores ? `${cores.currentValue} of ${cores.limit} cores` : "–", cores ? cores.currentValue / cores.limit : 0)}
      {gauge("Addresses", addresses ? `${addresses.currentValue} of ${addresses.limit}` : "–", addresses ? addresses.currentValue / addresses.limit : 0)}
      {gauge("Memory asked for", `${memory.toFixed(1)} GB`)}
    </div>
  );
}

export function Overview() {
  const { groups, isReady } = useGroups();
  const { value: sub, error } = useAsync("home", home);
  const can = usePermissions(sub?.id);
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useState<[string, number]>(["name", 1]);
  const [chosen, setChosen] = useState(new Set<string>());
  const [isDeleting, setDeleting] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const [isBusy, setBusy] = useState(false);

  const shown = useMemo(() => {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const key = COLUMNS.find(([name]) => name === sort[0])![2];
    const text = (g: Group) => COLUMNS.slice(0, 5).map(([, , of]) => of(g)).join(" ").toLowerCase();
    return [...groups.values()]
      .filter((g) => words.every((word) => text(g).includes(word)))
      .map((g) => [key(g), g] as const)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * sort[1])
      .map(([, g]) => g);
  }, [groups, filter, sort]);

  const isWriter = can("Microsoft.ContainerInstance/containerGroups/write");
  const isDeleter = can("Microsoft.ContainerInstance/containerGroups/delete");
  const verbs = ["start", "stop", "restart"].filter((verb) => can(`Microsoft.ContainerInstance/containerGroups/${verb}/action`));
  const ids = [...chosen].filter((id) => groups.has(id));
  const act = async (method: string, rest: string) => {
    setFailure(undefined);
    // As on a group's page: one request after the other.
    setBusy(true);
    const results = await Promise.allSettled(ids.map((id) => call(method, id + rest)));
    setBusy(false);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) setFailure(failed.reason);
    else setChosen(new Set());
  };

  if (error) return <Failure error={error} title="You cannot see anything here" />;
  return (
    <>
      <h1>Container groups</h1>
      <Gauges />
      <div className="bar">
        {isWriter && <Button appearance="primary" onClick={() => go("/create")}>Create</Button>}
        {verbs.map((verb) => (
          <Button key={verb} disabled={isBusy || !ids.length} onClick={() => act("POST", `/${verb}`)}>{verb[0].toUpperCase() + verb.slice(1)}</Button>
        ))}
        {isDeleter && <Button disabled={isBusy || !ids.length} onClick={() => setDeleting(true)}>Delete</Button>}
        <span className="grow" />
        <SearchBox placeholder="Filter" aria-label="Filter container groups" value={filter} onChange={(_, data) => setFilter(data.value)} />
      </div>
      <Failure error={failure} />
      {!isReady ? <Loading what="container groups" />
        : !groups.size ? (
          <Empty title="No container groups yet">
            <p>A container group runs one or more containers with an address of its own.</p>
            {isWriter && <Button appearance="primary" onClick={() => go("/create")}>Create your first one</Button>}
          </Empty>
        )
        : <Table {...{ shown, sort, setSort, chosen, setChosen }} isChoosing={isDeleter || verbs.length > 0} />}
      {isDeleting && <ConfirmDelete names={ids.map((id) => parseId(id).name)} onDelete={() => act("DELETE", "")} onClose={() => setDeleting(false)} />}
    </>
  );
}

interface TableProps {
  shown: Group[];
  sort: [string, number];
  setSort: (sort: [string, number]) => void;
  chosen: Set<string>;
  setChosen: (chosen: Set<string>) => void;
  isChoosing: boolean;
}

/** Only the rows in sight are in the document. */
function Table({ shown, sort, setSort, chosen, setChosen, isChoosing }: TableProps) {
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
                <td><Link to={`/groups/${encodeURIComponent(rg)}/${encodeURIComponent(name)}`}>{name}</Link></td>
                <td><State state={stateOf(group)} /></td>
                <td className="wide">{rg}</td>
                <td>{site ? <a href={site} target="_blank" rel="noreferrer">{group.properties.ipAddress.ip}</a> : group.properties.ipAddress?.ip ?? "–"}</td>
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
