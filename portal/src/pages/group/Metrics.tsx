import { Select } from "@fluentui/react-components";
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { get, useAsync, type Json } from "../../api";
import { bytesOf } from "../../parts/format";
import { Empty, Failure, Loading } from "../../parts/show";

const rateOf = (bytes: number) => `${bytesOf(Math.round(bytes))}/s`;
const timeOf = (seconds: number) => new Date(seconds * 1000).toLocaleTimeString(undefined, { timeStyle: "short" });
const METRICS: [string, string, (n: number) => string][] = [
  ["CpuUsage", "CPU", (n) => `${n.toFixed(n < 10 ? 2 : 0)} mCPU`],
  ["MemoryUsage", "Memory", (n) => `${(n / 2 ** 20).toFixed(1)} MiB`],
  ["NetworkBytesReceivedPerSecond", "Network in", rateOf],
  ["NetworkBytesTransmittedPerSecond", "Network out", rateOf],
];

export default function Metrics({ id }: { id: string }) {
  const [hours, setHours] = useState(1);
  const [minute, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 60_000);
    return () => clearInterval(timer);
  }, []);
  const { value, error } = useAsync(`${id} ${hours}`, async () => {
    const span = `${new Date(Date.now() - hours * 3_600_000).toISOString()}/${new Date().toISOString()}`;
    const query = new URLSearchParams({ "api-version": "2018-01-01", metricnames: METRICS.map(([name]) => name).join(","), timespan: span, interval: hours > 1 ? "PT15M" : "PT1M", aggregation: "Average" });
    return (await get(`${id}/providers/Microsoft.Insights/metrics?${query}`)).value as Json[];
  }, minute);
  return (
    <>
      <Select aria-label="Time span" value={String(hours)} onChange={(_, data) => setHours(Number(data.value))}>
        <option value="1">Last hour</option><option value="24">Last 24 hours</option>
      </Select>
      <Failure error={error} />
      {!value && !error && <Loading what="metrics" />}
      <div className="cards charts">{value && METRICS.map(([name, title, text]) => {
        const metric = value.find((m) => m.name.value === name);
        return <Chart key={name} title={title} text={text} points={metric?.timeseries[0]?.data ?? []} />;
      })}</div>
    </>
  );
}

function Chart({ title, text, points }: { title: string; text: (n: number) => string; points: Json[] }) {
  const box = useRef<HTMLDivElement>(null);
  const known = points.filter((p) => typeof p.average === "number");
  useEffect(() => {
    if (!known.length) return;
    const axis = { stroke: () => getComputedStyle(box.current!).color, grid: { stroke: "#8884" } };
    const chart = new uPlot(
      {
        width: box.current!.clientWidth, height: 180, legend: { show: false }, cursor: { show: false },
        axes: [{ ...axis, space: 70, values: (_, ticks) => ticks.map(timeOf) }, { ...axis, size: 88, values: (_, ticks) => ticks.map(text) }],
        scales: { y: { range: (_, __, most) => [0, 1.1 * most || 100] } },
        series: [{}, { stroke: "#479ef5", width: 2, fill: "#479ef522", points: { show: known.length < 3 } }],
      },
      [points.map((p) => Date.parse(p.timeStamp) / 1000), points.map((p) => p.average ?? null)],
      box.current!,
    );
    const observer = new ResizeObserver(([entry]) => chart.setSize({ width: entry.contentRect.width, height: 180 }));
    observer.observe(box.current!);
    const themes = new MutationObserver(() => chart.redraw());
    themes.observe(document.documentElement, { attributeFilter: ["style"] });
    return () => { themes.disconnect(); observer.disconnect(); chart.destroy(); };
  }, [points]);
  const last = known.at(-1)?.average;
  return (
    <div className="card"><h2>{title}{last !== undefined && `: ${text(last)}`}</h2>
      {known.length ? <div ref={box} role="img" aria-label={`${title}, now ${text(last)}`} /> : <Empty title="Nothing measured yet" />}
    </div>
  );
}
