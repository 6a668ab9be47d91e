import { Button, Select, Tab, TabList } from "@fluentui/react-components";
import { Suspense, useState } from "react";
import { call, groupId, home, useAsync, usePermissions, type Json } from "../../api";
import { useAct } from "../../parts/act";
import { ActivityTable } from "../../parts/ActivityTable";
import { ConfirmDelete } from "../../parts/dialogs";
import { containersOf, siteOf, stateOf } from "../../parts/group";
import { Empty, Failure, Loading, State } from "../../parts/show";
import { go, later, Link } from "../../router";
import { useGroup } from "../../watch";
import { Containers } from "./Containers";
import { Events } from "./Events";
import { Essentials } from "./Essentials";
import { Logs } from "./Logs";

const Terminal = later(() => import("./Terminal"));
const Metrics = later(() => import("./Metrics"));
const Yaml = later(() => import("./Yaml"));
const Networking = later(() => import("./Networking"));
const Volumes = later(() => import("./Volumes"));
const Identity = later(() => import("./Identity"));
const TABS = ["Overview", "Containers", "Events", "Logs", "Connect", "Metrics", "Networking", "Volumes", "Identity", "Activity log", "YAML"];

export default function GroupPage({ rg, name }: { rg: string; name: string }) {
  const { value: sub, error } = useAsync("home", home);
  if (error) return <Failure error={error} />;
  return sub ? <Shown id={groupId(sub.id, rg, name)} rg={rg} name={name} /> : <Loading what="group" />;
}

function Shown({ id, rg, name }: { id: string; rg: string; name: string }) {
  const { groups, isReady, error } = useGroup(id);
  const can = usePermissions(id);
  const [chosen, setChosen] = useState(() => decodeURIComponent(location.hash.slice(1)));
  const [isDeleting, setDeleting] = useState(false);
  const { failure, isBusy, act } = useAct();
  const [container, setContainer] = useState<string>();
  const entry = [...groups.values()][0];
  if (!entry && error) return <Failure error={error} />;
  if (!entry && !isReady) return <Loading what={name} />;
  if (!entry) {
    return (
      <Empty title={`There is no container group ${name} in ${rg}`}>
        <p>It was deleted, or it is not yours to see.</p><Link to="/">All container groups</Link>
      </Empty>
    );
  }
  const { group, createdAt } = entry;
  const state = stateOf(group);
  const isAllowed = (verb: string) => can(`Microsoft.ContainerInstance/containerGroups/${verb}`);
  const begin = (verb: string) => act(call("POST", `${id}/${verb}`));
  const choose = (next: string) => {
    setChosen(next);
    history.replaceState(null, "", `#${next}`);
  };
  const site = siteOf(group);
  const tabs = TABS.filter((tab) => tab !== "Connect" || isAllowed("containers/exec/action"));
  const tab = tabs.includes(chosen) ? chosen : tabs[0];
  const { containers } = group.properties;
  // Init containers have logs, too, but nobody connects with what has ended.
  const names: string[] = (tab === "Logs" ? containersOf(group) : containers).map((c: Json) => c.name);
  const current = container && names.includes(container) ? container : containers[0].name;
  return (
    <>
      <h1>{name} <State state={state} /></h1>
      <div className="bar">
        {isAllowed("start/action") && <Button disabled={isBusy || !["Stopped", "Succeeded", "Failed"].includes(state)} onClick={() => begin("start")}>Start</Button>}
        {isAllowed("stop/action") && <Button disabled={isBusy || state === "Stopped"} onClick={() => begin("stop")}>Stop</Button>}
        {isAllowed("restart/action") && <Button disabled={isBusy || state === "Stopped"} onClick={() => begin("restart")}>Restart</Button>}
        {isAllowed("delete") && <Button onClick={() => setDeleting(true)}>Delete</Button>}
        {site && <Button as="a" href={site} target="_blank" rel="noreferrer">Open site</Button>}
      </div>
      <Failure error={failure} />
      <div className="tabs">
        <TabList selectedValue={tab} onTabSelect={(_, data) => choose(String(data.value))} aria-label={`About ${name}`}>
          {tabs.map((tab) => <Tab key={tab} value={tab}>{tab}</Tab>)}
        </TabList>
      </div>
      {(tab === "Logs" || tab === "Connect") && names.length > 1 && (
        <Select aria-label="Container" value={current} onChange={(_, data) => setContainer(data.value)}>
          {names.map((name) => <option key={name}>{name}</option>)}
        </Select>
      )}
      <Suspense fallback={<Loading what={tab} />}>
        {tab === "Overview" && <Essentials {...{ group, rg, createdAt, site }} canWrite={isAllowed("write")} />}
        {tab === "Containers" && <Containers group={group} />}
        {tab === "Events" && <Events group={group} />}
        {tab === "Logs" && <Logs key={current} path={`${id}/containers/${current}/logs`} name={current} />}
        {tab === "Connect" && <Terminal key={current} path={`${id}/containers/${current}/exec`} isRunning={state === "Running"} />}
        {tab === "Metrics" && <Metrics id={id} />}
        {tab === "Networking" && <Networking group={group} />}
        {tab === "Volumes" && <Volumes group={group} />}
        {tab === "Identity" && <Identity group={group} />}
        {tab === "Activity log" && <ActivityTable filter={`resourceId eq '${id}'`} />}
        {tab === "YAML" && <Yaml id={id} group={group} canWrite={isAllowed("write")} />}
      </Suspense>
      {isDeleting && <ConfirmDelete names={[name]} onClose={() => setDeleting(false)} onDelete={() => act(call("DELETE", id), () => go("/"))} />}
    </>
  );
}
