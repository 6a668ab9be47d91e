import { Badge, Button } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { get, useAsync, type Json } from "../api";
import { Copy } from "../parts/Copy";
import { Facts } from "../parts/Facts";
import { Failure, Loading } from "../parts/show";
import { Listed, Table } from "../parts/Table";

export default function Health() {
  const { value, error, reload } = useAsync("doctor", () => get("/wharf/v1/doctor"));
  return (
    <>
      <h1>Settings and health</h1>
      <Settings />
      <h2>Health {value && <Badge appearance="tint" color={value.clean ? "success" : "danger"}>{value.clean ? "All is well" : "Something is wrong"}</Badge>}</h2>
      <p>What <code>wharf doctor</code> finds: whether this host has what Wharf needs, and whether anything was left behind.</p>
      <div><Button onClick={reload}>Check again</Button></div>
      <Listed value={value?.checks as Json[] | undefined} error={error} what="findings" empty={<p>Nothing was checked.</p>}>
        {(checks) => (
          <Table label="Findings" head={<><th>Check</th><th>Result</th><th>Detail</th></>}>
            {checks.map((check, index) => (
              <tr key={index}><td>{check.name}</td><td><Badge appearance="tint" color={check.ok ? "success" : "danger"}>{check.ok ? "ok" : "wrong"}</Badge></td><td title={check.details.join("\n")}>{check.details.join("; ")}</td></tr>
            ))}
          </Table>
        )}
      </Listed>
    </>
  );
}

/** What other clients have to know of this daemon. */
function Settings() {
  const { value, error } = useAsync("environment", () => get("/wharf/v1/environment"));
  if (error) return <Failure error={error} />;
  if (!value) return <Loading what="settings" />;
  const copied = (label: string, text: string): [string, ReactNode] => [label, <>{text} <Copy label={label} text={text} /></>];
  return (
    <div className="card">
      <Facts facts={[
        copied("Resource manager", value.resourceManager),
        copied("Subscription", value.subscriptionId),
        copied("Tenant", value.tenantId),
        copied("Storage suffix", value.storageSuffix),
        ["Certificate authority", <Copy label="certificate authority" text={value.certificateAuthority} />],
        ["Azure CLI", <><code>eval "$(wharf az-env)"</code> on this host has <code>az</code> use it.</>],
      ]} />
    </div>
  );
}
