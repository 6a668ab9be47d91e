import type { Json } from "../../api";
import { containersOf } from "../../parts/group";
import { Age, Empty } from "../../parts/show";
import { Table } from "../../parts/Table";

/** What happened to a group and its containers, newest first. */
export function Events({ group }: { group: Json }) {
  const of = (who: string, view: Json) => (view?.events ?? []).map((event: Json) => ({ ...event, who }));
  const all = [
    ...of("group", group.properties.instanceView),
    ...containersOf(group).flatMap((c) => of(c.name, c.properties.instanceView)),
  ].sort((a, b) => Date.parse(b.lastTimestamp) - Date.parse(a.lastTimestamp));
  if (!all.length) return <Empty title="No events yet" />;
  return (
    <Table label="Events" head={<><th>When</th><th>Container</th><th>Event</th><th>Message</th><th>Count</th></>}>
      {all.map((event) => (
        <tr key={event.who + event.name + event.message}>
          <td><Age at={event.lastTimestamp} ago /></td><td>{event.who}</td><td>{event.name}</td><td title={event.message}>{event.message}</td><td>{event.count}</td>
        </tr>
      ))}
    </Table>
  );
}
