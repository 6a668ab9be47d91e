import { ProgressBar } from "@fluentui/react-components";
import { home, listAll, useAsync } from "../../api";
import { stateOf } from "../../parts/group";
import { useGroups } from "../../watch";

/** What usages of the host are called here, and in what they are counted. */
const USAGES = [["StandardCores", "CPU asked for", "cores"], ["MemoryInGB", "Memory asked for", "GB"], ["DiskInGB", "Disk", "GB"], ["ContainerGroups", "Addresses", ""]];

/** How much of the host is used. */
export function Gauges() {
  const { groups } = useGroups();
  const running = [...groups.values()].filter((g) => stateOf(g.group) === "Running").length;
  // Asked again when groups come, go, start or stop, not by the clock.
  const { value } = useAsync("usages", async () => {
    const { id, location } = await home();
    return listAll(`${id}/providers/Microsoft.ContainerInstance/locations/${location}/usages`);
  }, `${groups.size} ${running}`);
  return (
    <div className="cards gauges">
      <Gauge title="Running groups" of="" used={running} limit={groups.size} />
      {USAGES.map(([name, title, of]) => {
        const usage = value?.find((one) => one.name.value === name);
        return <Gauge key={name} title={title} of={of} used={usage?.currentValue} limit={usage?.limit} isScarce />;
      })}
    </div>
  );
}

function Gauge({ title, of, used, limit, isScarce }: { title: string; of: string; used?: number; limit?: number; isScarce?: boolean }) {
  const part = used && limit ? Math.min(1, used / limit) : 0;
  return (
    <div className="card gauge">
      <span>{title}</span><b>{used === undefined ? "–" : `${used} of ${limit} ${of}`}</b>
      <ProgressBar value={part} color={isScarce && part > 0.9 ? "error" : "brand"} aria-label={title} />
    </div>
  );
}
