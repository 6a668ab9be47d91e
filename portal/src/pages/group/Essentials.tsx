import { Button } from "@fluentui/react-components";
import { useState, type ReactNode } from "react";
import type { Json } from "../../api";
import { Facts } from "../../parts/Facts";
import { containersOf, portText, sizeOf, tagsText } from "../../parts/group";
import { Outside } from "../../parts/Outside";
import { Age, State } from "../../parts/show";
import { Table } from "../../parts/Table";
import { EditTags } from "./EditTags";

interface Props {
  group: Json;
  rg: string;
  createdAt: string;
  site?: string;
  canWrite: boolean;
}

export function Essentials({ group, rg, createdAt, site, canWrite }: Props) {
  const [isEditing, setEditing] = useState(false);
  const { ipAddress, restartPolicy, osType, provisioningState, sku } = group.properties;
  const { cpu, memory } = sizeOf(group);
  const facts: [string, ReactNode][] = [
    ["Resource group", rg],
    ["Location", group.location],
    ["Provisioning", provisioningState],
    ["Address", ipAddress?.ip ? (site ? <Outside href={site}>{ipAddress.ip}</Outside> : ipAddress.ip) : "none"],
    ["DNS name", ipAddress?.fqdn ?? "none"],
    ["Ports", (ipAddress?.ports ?? []).map(portText).join(", ") || "none"],
    ["Size", `${cpu} CPU, ${memory} GB memory`],
    ["Restart policy", restartPolicy],
    ["OS type", osType],
    ["SKU", sku],
    ["Created", <Age at={createdAt} ago />],
    ["Tags", <>{tagsText(group.tags)} {canWrite && <Button size="small" onClick={() => setEditing(true)}>Edit tags</Button>}</>],
  ];
  return (
    <>
      <div className="card"><Facts facts={facts} /></div>
      <h2>Containers</h2>
      <Table label="Containers" head={<><th>Name</th><th>State</th><th>Image</th><th className="wide">Since</th><th className="wide">Restarts</th></>}>
        {containersOf(group).map(({ name, properties }) => {
          const now = properties.instanceView?.currentState ?? {};
          return (
            <tr key={name}>
              <td>{name}</td>
              <td><State state={now.state} /> {now.exitCode !== undefined && `exit code ${now.exitCode}`} {now.detailStatus}</td>
              <td title={properties.image}>{properties.image}</td>
              <td className="wide"><Age at={now.finishTime ?? now.startTime} ago /></td>
              <td className="wide">{properties.instanceView?.restartCount ?? 0}</td>
            </tr>
          );
        })}
      </Table>
      {isEditing && <EditTags id={group.id} tags={group.tags ?? {}} onClose={() => setEditing(false)} />}
    </>
  );
}
