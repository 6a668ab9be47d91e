import { Button, Field, Input } from "@fluentui/react-components";
import { useState } from "react";
import { call, home, listAll, parseId, useAsync, usePermissions, usePermissionsAnywhere, type Json } from "../api";
import { useAct } from "../parts/act";
import { ConfirmDelete, FormDialog } from "../parts/dialogs";
import { bad } from "../parts/format";
import { groupPath } from "../parts/group";
import { ResourceGroup, useResourceGroup } from "../parts/resource-group";
import { Empty, Failure } from "../parts/show";
import { Actions, Listed, Table } from "../parts/Table";
import { Link } from "../router";
import { useGroups } from "../watch";

const NETWORKS = "Microsoft.Network/virtualNetworks";
const SERVICE = "Microsoft.ContainerInstance/containerGroups";
const NAME = /^[A-Za-z0-9]([\w.-]{0,62}\w)?$/;
const CIDR = /^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/;

export const listNetworks = async () => listAll(`${(await home()).id}/providers/${NETWORKS}`);
const subnetBody = (addressPrefix: string) => ({ properties: { addressPrefix, delegations: [{ name: "groups", properties: { serviceName: SERVICE } }] } });

export default function Networks() {
  const can = usePermissionsAnywhere();
  const { value, error, reload } = useAsync("networks", listNetworks);
  const [isCreating, setCreating] = useState(false);
  return (
    <>
      <h1>Virtual networks</h1>
      <p>Networks of your own, in whose subnets private container groups reach each other.</p>
      {can(`${NETWORKS}/write`) && <div className="bar"><Button appearance="primary" onClick={() => setCreating(true)}>Create virtual network</Button></div>}
      <Listed value={value} error={error} what="virtual networks" empty={<Empty title="No virtual networks yet"><p>Groups with a public address, or none, need no virtual network.</p></Empty>}>
        {(networks) => networks.map((network) => <Network key={network.id} network={network} onChange={reload} />)}
      </Listed>
      {isCreating && <CreateNetwork onDone={reload} onClose={() => setCreating(false)} />}
    </>
  );
}

function Network({ network, onChange }: { network: Json; onChange: () => void }) {
  const { rg, name } = parseId(network.id);
  const can = usePermissions(network.id);
  const { groups } = useGroups();
  const [isAdding, setAdding] = useState(false);
  /** What is to be deleted: a subnet, or the network itself. */
  const [doomed, setDoomed] = useState<Json>();
  const { failure, act } = useAct();
  const inside = (subnet: Json) => [...groups.values()].filter(({ group }) => group.properties.subnetIds?.some((one: Json) => one.id.toLowerCase() === subnet.id.toLowerCase()));
  const isDeleter = can(`${NETWORKS}/subnets/delete`);
  return (
    <section className="card" aria-label={`Virtual network ${name}`}>
      <div className="bar">
        <h2>{name}</h2><span className="quiet">{network.properties.addressSpace.addressPrefixes.join(", ")} in {rg}</span><span className="grow" />
        {can(`${NETWORKS}/subnets/write`) && <Button onClick={() => setAdding(true)}>Add subnet</Button>}
        {can(`${NETWORKS}/delete`) && <Button onClick={() => setDoomed(network)} aria-label={`Delete network ${name}`}>Delete network</Button>}
      </div>
      <Failure error={failure} />
      {!network.properties.subnets.length && <p>No subnets yet.</p>}
      {!!network.properties.subnets.length && (
        <Table label={`Subnets of ${name}`} head={<><th>Subnet</th><th>Range</th><th className="wide">Security group</th><th>Container groups</th>{isDeleter && <Actions />}</>}>
          {network.properties.subnets.map((subnet: Json) => (
            <tr key={subnet.id}>
              <td>{subnet.name}</td>
              <td>{subnet.properties.addressPrefix ?? subnet.properties.addressPrefixes?.join(", ")}</td>
              <td className="wide">{subnet.properties.networkSecurityGroup ? parseId(subnet.properties.networkSecurityGroup.id).name : "none"}</td>
              <td>{inside(subnet).map(({ group }, index) => <span key={group.id}>{index ? ", " : ""}<Link to={groupPath(group.id)}>{parseId(group.id).name}</Link></span>)}{!inside(subnet).length && (isDelegated(subnet) ? "none" : "not delegated to them")}</td>
              {isDeleter && <td className="end"><Button size="small" onClick={() => setDoomed(subnet)} aria-label={`Delete subnet ${subnet.name}`}>Delete</Button></td>}
            </tr>
          ))}
        </Table>
      )}
      {isAdding && <AddSubnet network={network} onDone={onChange} onClose={() => setAdding(false)} />}
      {doomed && <ConfirmDelete names={[doomed.name]} loss={doomed === network ? "The network is deleted with its subnets." : "The subnet is deleted."} onDelete={() => act(call("DELETE", doomed.id), onChange)} onClose={() => setDoomed(undefined)} />}
    </section>
  );
}

/** Whether container groups may be in a subnet. */
export const isDelegated = (subnet: Json) => subnet.properties.delegations.some((one: Json) => one.properties.serviceName.toLowerCase() === SERVICE.toLowerCase());

interface CreateProps {
  onDone: () => void;
  onClose: () => void;
}

function CreateNetwork({ onDone, onClose }: CreateProps) {
  const rg = useResourceGroup();
  const [name, setName] = useState("");
  const [space, setSpace] = useState("10.1.0.0/16");
  const [subnet, setSubnet] = useState("default");
  const [range, setRange] = useState("10.1.0.0/24");
  const isReady = rg.isReady && NAME.test(name) && CIDR.test(space) && NAME.test(subnet) && CIDR.test(range);
  const create = async () => {
    const scope = await rg.make();
    const { location } = await home();
    const subnets = [{ name: subnet, ...subnetBody(range) }];
    await call("PUT", `${scope}/providers/${NETWORKS}/${name}`, { location, properties: { addressSpace: { addressPrefixes: [space] }, subnets } });
    onDone();
  };
  return (
    <FormDialog title="Create virtual network" verb="Create" isReady={isReady} onSubmit={create} onClose={onClose}>
      <Field label="Network name" required {...bad(!!name && !NAME.test(name), "Use letters, digits, hyphens, dots and underscores.")}><Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} /></Field>
      <ResourceGroup {...rg} />
      <Field label="Address space" required {...bad(!CIDR.test(space), "Enter a range such as 10.1.0.0/16.")}><Input value={space} onChange={(_, data) => setSpace(data.value)} /></Field>
      <SubnetFields {...{ name: subnet, setName: setSubnet, range, setRange }} />
    </FormDialog>
  );
}

function AddSubnet({ network, onDone, onClose }: CreateProps & { network: Json }) {
  const [name, setName] = useState("");
  const [range, setRange] = useState("");
  const isTaken = network.properties.subnets.some((subnet: Json) => subnet.name.toLowerCase() === name.toLowerCase());
  const add = async () => {
    if (isTaken) throw new Error(`There is a subnet ${name} already.`);
    await call("PUT", `${network.id}/subnets/${name}`, subnetBody(range));
    onDone();
  };
  return (
    <FormDialog title={`Add subnet to ${network.name}`} verb="Add" isReady={NAME.test(name) && CIDR.test(range)} onSubmit={add} onClose={onClose}>
      <SubnetFields {...{ name, setName, range, setRange }} />
    </FormDialog>
  );
}

function SubnetFields({ name, setName, range, setRange }: { name: string; setName: (name: string) => void; range: string; setRange: (range: string) => void }) {
  return (
    <>
      <Field label="Subnet name" required {...bad(!!name && !NAME.test(name), "Use letters, digits, hyphens, dots and underscores.")}><Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} /></Field>
      <Field label="Subnet range" required hint="Within the network's address space; for container groups only" {...bad(!!range && !CIDR.test(range), "Enter a range such as 10.1.0.0/24.")}><Input value={range} onChange={(_, data) => setRange(data.value)} /></Field>
    </>
  );
}
