import { Button, SearchBox } from "@fluentui/react-components";
import { useMemo, useState } from "react";
import { call, home, parseId, useAsync, usePermissionsAnywhere } from "../../api";
import { useAct } from "../../parts/act";
import { ConfirmDelete } from "../../parts/dialogs";
import { Empty, Failure, Loading } from "../../parts/show";
import { go } from "../../router";
import { useGroups, type Group } from "../../watch";
import { COLUMNS } from "./columns";
import { Gauges } from "./Gauges";
import { GroupTable } from "./GroupTable";

export function Overview() {
  const { groups, isReady } = useGroups();
  const { error } = useAsync("home", home);
  const can = usePermissionsAnywhere();
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useState<[string, number]>(["name", 1]);
  const [chosen, setChosen] = useState(new Set<string>());
  const [isDeleting, setDeleting] = useState(false);
  const { failure, isBusy, act } = useAct();

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
  const callAll = async (method: string, rest: string) => {
    const results = await Promise.allSettled(ids.map((id) => call(method, id + rest)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  };

  if (error) return <Failure error={error} title="You cannot see anything here" />;
  return (
    <>
      <h1>Container groups</h1>
      <Gauges />
      <div className="bar">
        {isWriter && <Button appearance="primary" onClick={() => go("/create")}>Create</Button>}
        {verbs.map((verb) => (
          <Button key={verb} disabled={isBusy || !ids.length} onClick={() => act(callAll("POST", `/${verb}`))}>{verb[0].toUpperCase() + verb.slice(1)}</Button>
        ))}
        {isDeleter && <Button disabled={isBusy || !ids.length} onClick={() => setDeleting(true)}>Delete</Button>}
        {!!ids.length && <span className="quiet">{ids.length} chosen</span>}
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
        : <GroupTable {...{ shown, sort, setSort, chosen, setChosen }} isChoosing={isDeleter || verbs.length > 0} />}
      {isDeleting && <ConfirmDelete names={ids.map((id) => parseId(id).name)} onDelete={() => act(callAll("DELETE", ""))} onClose={() => setDeleting(false)} />}
    </>
  );
}
