import { Button, Select, Tab, TabList } from "@fluentui/react-components";
import { Suspense, useState } from "react";
import { call, groupId, home, useAsync, usePermissions, type Json } from "../api";
import { ConfirmDelete } from "../parts/dialogs";
import { siteOf, sizeOf, stateOf } from "../parts/group";
import { Age, Empty, Failure, Loading, State } from "../parts/show";
import { go, later, Link } from "../router";
import { useGroup } from "../watch";
import { Logs } from "./Logs";

const Terminal = later(() => import("./Terminal"));
const Metrics = later(() => import("./Metrics"));
const Yaml = later(() => import("./Yaml"));
const TABS = ["Overview", "Events", "Logs", "Connect", "Metrics", "YAML"];

export default function GroupPage({ rg, name }: { rg: string; name: string }) {
  const { value: sub, error } = useAsync("home", home);
  if (error) return <Failure error={error} />;
  return sub ? <Shown id={groupId(sub.id, rg, name)} rg={rg} name={name} /> : <Loading what="group" />;
}

function Shown({ id, rg, name }: { id: string; rg: string; name: string }) {
  const { groups, isReady, error } = useGroup(id);
  const can = usePermissions(id);
  const [tab, setTab] = useState(() => decodeURIComponent(location.hash.slice(1)) || "Overview");
  const [isDeleting, setDeleting] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
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
  const act = (method: string, rest: string) => {
    setFailure(undefined);
    // Until it is answered nothing else can be asked for: a request that is sent again must not undo it.
    setBusy(true);
    return call(method, id + rest).catch(setFailure).finally(() => setBusy(false));
  };
  const choose = (next: string) => {
    setTab(next);
    history.replaceState(null, "", `#${next}`);
  };
  const site = siteOf(group);
  const canExec = isAllowed("containers/exec/action");
  const names: string[] = group.properties.containers.map((c: Json) => c.name);
  const current = container && names.includes(container) ? container : names[0];
  return (
    <>
      <h1>{name} <State state={state} /></h1>
      <div className="bar">
        {isAllowed("start/action") && <Button disabled={isBusy || !["Stopped", "Succeeded", "Failed"].includes(state)} onClick={() => act("POST", "/start")}>Start</Button>}
        {isAllowed("stop/action") && <Button disabled={isBusy || state === "Stopped"} onClick={() => act("POST", "/stop")}>Stop</Button>}
        {isAllowed("restart/action") && <Button disabled={isBusy || state === "Stopped"} onClick={() => act("POST", "/restart")}>Restart</Button>}
        {isAllowed("delete") && <Button onClick={() => setDeleting(true)}>Delete</Button>}
        {site && <Button as="a" href={site} target="_blank" rel="noreferrer">Open site</Button>}
      </div>
      <Failure error={failure} />
      <div className="tabs">
        <TabList selectedValue={tab} onTabSelect={(_, data) => choose(String(data.value))} aria-label={`About ${name}`}>
          {TABS.filter((tab) => tab !== "Connect" || canExec).map((tab) => <Tab key={tab} value={tab}>{tab}</Tab>)}
        </TabList>
      </div>
      {(tab === "Logs" || tab === "Connect") && names.length > 1 && (
        <Select aria-label="Container" value={current} onChange={(_, data) => setContainer(data.value)}>
          {names.map((name) => <option key={name}>{name}</option>)}
        </Select>
      )}
      <Suspense fallback={<Loading what={tab} />}>
        {tab === "Overview" && <Facts group={group} rg={rg} createdAt={createdAt} site={site} />}
        {tab === "Events" && <Events group={group} />}
        {tab === "Logs" && <Logs key={current} path={`${id}/containers/${current}/logs`} name={current} />}
        {tab === "Connect" && <Terminal key={current} path={`${id}/containers/${current}/exec`} isRunning={state === "Running"} />}
        {tab === "Metrics" && <Metrics id={id} />}
        {tab === "YAML" && <Yaml id={id} group={group} canWrite={isAllowed("write")} />}
      </Suspense>
      {isDeleting && <ConfirmDelete names={[name]} onClose={() => setDeleting(false)} onDelete={() => act("DELETE", "").then(() => go("/"))} />}
    </>
  );
}

function Facts({ group, rg, createdAt, site }: { group: Json; rg: string; createdAt: string; site?: string }) {
  const { ipAddress, restartPolicy, osType, volumes, provisioningState } = group.properties;
  const { cpu, memory } = sizeOf(group);
  const ports = (ipAddress?.ports ?? []).map((p: Json) => `${p.port}/${p.protocol ?? "TCP"}`).join(", ");
  const facts: [string, React.ReactNode][] = [
    ["Resource group", rg],
    ["Location", group.location],
    ["Provisioning", provisioningState],
    ["Address", ipAddress?.ip ? (site ? <a href={site} target="_blank" rel="noreferrer">{ipAddress.ip}</a> : ipAddress.ip) : "none"],
    ["DNS name", ipAddress?.fqdn ?? "none"],
    ["Ports", ports || "none"],
    ["Size", `${cpu} CPU, ${memory} GB memory`],
    ["Restart policy", restartPolicy],
    ["OS type", osType],
    ["Created", <Age at={createdAt} ago />],
    ["Identity", group.identity?.type ?? "none"],
    ["Volumes", (volumes ?? []).map((v: Json) => v.name).join(", ") || "none"],
    ["Tags", Object.entries(group.tags ?? {}).map(([k, v]) => `${k}: ${v}`).join(", ") || "none"],
  ];
  return (
    <>
      <div className="card"><dl className="facts">{facts.map(([title, value]) => [<dt key={title}>{title}</dt>, <dd key={`${title} is`}>{value}</dd>])}</dl></div>
      <h2>Containers</h2>
      <div className="table" tabIndex={0} role="region" aria-label="Containers">
        <table>
          <thead><tr><th>Name</th><th>State</th><th>Image</th><th className="wide">Since</th><th className="wide">Restarts</th></tr></thead>
          <tbody>
            {[...(group.properties.initContainers ?? []), ...group.properties.containers].map((c: Json) => {
              const view = c.properties.instanceView ?? {};
              const now = view.currentState ?? {};
              return (
                <tr key={c.name}>
                  <td>{c.name}</td>
                  <td><State state={now.state} /> {now.exitCode !== undefined && `exit code ${now.exitCode}`} {now.detailStatus}</td>
                  <td title={c.properties.image}>{c.properties.image}</td>
                  <td className="wide"><Age at={now.finishTime ?? now.startTime} ago /></td>
                  <td className="wide">{view.restartCount ?? 0}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Events({ group }: { group: Json }) {
  const of = (who: string, view: Json) => (view?.events ?? []).map((event: Json) => ({ ...event, who }));
  const all = [
    ...of("group", group.properties.instanceView),
    ...[...(group.properties.initContainers ?? []), ...group.properties.containers].flatMap((c: Json) => of(c.name, c.properties.instanceView)),
  ].sort((a, b) => Date.parse(b.lastTimestamp) - Date.parse(a.lastTimestamp));
  if (!all.length) return <Empty title="No events yet" />;
  return (
    <div className="table" tabIndex={0} role="region" aria-label="Events">
      <table>
        <thead><tr><th>When</th><th>Container</th><th>Event</th><th>Message</th><th>Count</th></tr></thead>
        <tbody>
          {all.map((event) => (
            <tr key={event.who + event.name + event.message}>
              <td><Age at={event.lastTimestamp} ago /></td><td>{event.who}</td><td>{event.name}</td><td title={event.message}>{event.message}</td><td>{event.count}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
