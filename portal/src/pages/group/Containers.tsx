import type { ReactNode } from "react";
import type { Json } from "../../api";
import { Facts } from "../../parts/Facts";
import { portText } from "../../parts/group";
import { Age, State } from "../../parts/show";

/** What containers were asked to be, and what became of them. */
export const Containers = ({ group }: { group: Json }) => (
  <>
    {(group.properties.initContainers ?? []).map((c: Json) => <Container key={c.name} container={c} isInit />)}
    {group.properties.containers.map((c: Json) => <Container key={c.name} container={c} />)}
  </>
);

const list = (items: Json[] | undefined, text: (item: Json) => ReactNode): ReactNode =>
  items?.length ? <ul className="plain">{items.map((item, index) => <li key={index}>{text(item)}</li>)}</ul> : "none";

function Container({ container: { name, properties }, isInit }: { container: Json; isInit?: boolean }) {
  const { image, command, ports, environmentVariables, resources, volumeMounts, instanceView, livenessProbe, readinessProbe } = properties;
  const [now, before] = [instanceView?.currentState, instanceView?.previousState];
  const size = (amount: Json) => (amount ? `${amount.cpu} CPU, ${amount.memoryInGB} GB memory` : "none");
  const facts: [string, ReactNode][] = [
    ["State", <><State state={now?.state} /> {now?.detailStatus} {now?.exitCode !== undefined && `exit code ${now.exitCode}`}</>],
    ["Started", <Age at={now?.startTime} ago />],
    ["Before that", before ? `${before.state}${before.exitCode === undefined ? "" : `, exit code ${before.exitCode}`} ${before.detailStatus ?? ""}` : "nothing"],
    ["Restarts", instanceView?.restartCount ?? 0],
    ["Image", image],
    ["Command", command?.length ? <code>{command.join(" ")}</code> : "the image's own"],
    ["Requests", size(resources?.requests)],
    ["Limits", size(resources?.limits)],
    ["Ports", list(ports, portText)],
    ["Environment", list(environmentVariables, (e) => <code>{e.name}={e.value ?? "(secure)"}</code>)],
    ["Mounts", list(volumeMounts, (m) => <>{m.name} at <code>{m.mountPath}</code>{m.readOnly && ", read-only"}</>)],
    ["Probes", [livenessProbe && "liveness", readinessProbe && "readiness"].filter(Boolean).join(", ") || "none"],
  ];
  return (
    <section className="card" aria-label={`Container ${name}`}>
      <h2>{name}{isInit && " (init container)"}</h2>
      <Facts facts={facts} />
    </section>
  );
}
