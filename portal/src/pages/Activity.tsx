import { get, home, useAsync, type Json } from "../api";
import { Age, Empty, Failure, Loading } from "../parts/show";

export default function Activity() {
  const { value, error } = useAsync("activity", async () => {
    const { id } = await home();
    const from = new Date(Date.now() - 24 * 3_600_000).toISOString();
    const filter = encodeURIComponent(`eventTimestamp ge '${from}'`);
    return (await get(`${id}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter=${filter}`)).value as Json[];
  });
  return (
    <>
      <h1>Activity log</h1>
      <p>Who asked for which change in the last 24 hours, and what came of it.</p>
      <Failure error={error} />
      {!value && !error && <Loading what="activity log" />}
      {value && !value.length && <Empty title="Nothing was changed" />}
      {!!value?.length && (
        <div className="table" tabIndex={0} role="region" aria-label="Activity log">
          <table>
            <thead><tr><th>When</th><th>Who</th><th>Action</th><th>Status</th><th className="wide">Resource</th></tr></thead>
            <tbody>{value.slice(0, 500).map((entry) => (
              <tr key={entry.eventDataId ?? entry.id}>
                <td><Age at={entry.eventTimestamp} ago /></td><td>{entry.caller}</td>
                <td title={entry.operationName?.value}>{entry.operationName?.value?.split("/").slice(-2).join("/")}</td><td>{entry.status?.value}</td>
                <td className="wide" title={entry.resourceId}>{entry.resourceId?.split("/").slice(-2).join("/")}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}
