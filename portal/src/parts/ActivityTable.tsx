import { Button } from "@fluentui/react-components";
import { useState } from "react";
import { home, listAll, useAsync } from "../api";
import { Age, Empty } from "./show";
import { Listed, Table } from "./Table";

/** Rows that are shown at once. */
const STEP = 500;

/** What was changed in the last 24 hours; `filter` is one of Azure's. */
export function ActivityTable({ filter }: { filter?: string }) {
  const [count, setCount] = useState(STEP);
  const { value, error } = useAsync(`activity ${filter}`, async () => {
    const { id } = await home();
    const from = new Date(Date.now() - 24 * 3_600_000).toISOString();
    const all = [`eventTimestamp ge '${from}'`, filter].filter(Boolean).join(" and ");
    return listAll(`${id}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter=${encodeURIComponent(all)}`);
  });
  return (
    <Listed value={value} error={error} what="activity log" empty={<Empty title="Nothing was changed" />}>
      {(entries) => (
        <>
          <Table label="Activity log" head={<><th>When</th><th>Who</th><th>Action</th><th>Status</th><th className="wide">Resource</th></>}>
            {entries.slice(0, count).map((entry) => (
              <tr key={entry.eventDataId ?? entry.id}>
                <td><Age at={entry.eventTimestamp} ago /></td><td>{entry.caller}</td>
                <td title={entry.operationName?.value}>{entry.operationName?.value?.split("/").slice(-2).join("/")}</td><td>{entry.status?.value}</td>
                <td className="wide" title={entry.resourceId}>{entry.resourceId?.split("/").slice(-2).join("/")}</td>
              </tr>
            ))}
          </Table>
          {entries.length > count && <p className="center"><Button onClick={() => setCount(count + STEP)}>Show more of {entries.length}</Button></p>}
        </>
      )}
    </Listed>
  );
}
