import { Badge, Button } from "@fluentui/react-components";
import { get, useAsync, type Json } from "../api";
import { Failure, Loading } from "../parts/show";

export default function Health() {
  const { value, error, reload } = useAsync("doctor", () => get("/wharf/v1/doctor"));
  return (
    <>
      <h1>Health {value && <Badge appearance="tint" color={value.clean ? "success" : "danger"}>{value.clean ? "All is well" : "Something is wrong"}</Badge>}</h1>
      <p>What <code>wharf doctor</code> finds: whether this host has what Wharf needs, and whether anything was left behind.</p>
      <div><Button onClick={reload}>Check again</Button></div>
      <Failure error={error} />
      {!value && !error && <Loading what="findings" />}
      {value && (
        <div className="table" tabIndex={0} role="region" aria-label="Findings">
          <table>
            <thead><tr><th>Check</th><th>Result</th><th>Detail</th></tr></thead>
            <tbody>{value.checks.map((check: Json, index: number) => (
              <tr key={index}><td>{check.name}</td><td><Badge appearance="tint" color={check.ok ? "success" : "danger"}>{check.ok ? "ok" : "wrong"}</Badge></td><td title={check.details.join("\n")}>{check.details.join("; ")}</td></tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}
