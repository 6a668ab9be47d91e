import { Button, MessageBar, MessageBarBody, Tab, TabList } from "@fluentui/react-components";
import { useState } from "react";
import { stringify } from "yaml";
import { Copy } from "../../parts/Copy";
import { Facts } from "../../parts/Facts";
import { command } from "./command";
import { shown, STEPS, type Draft, type Problem } from "./draft";

export default function Review({ d, problems, isReady, onGo }: { d: Draft; problems: Problem[]; isReady: boolean; onGo: (step: number) => void }) {
  const [view, setView] = useState("Summary");
  const document = { name: d.name, type: "Microsoft.ContainerInstance/containerGroups", apiVersion: "2023-05-01", ...shown(d) };
  const texts: Record<string, string> = {
    YAML: stringify(document),
    "az command": command(d),
    "ARM template": JSON.stringify({ $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", contentVersion: "1.0.0.0", resources: [document] }, null, 2),
  };
  const facts: [string, string][] = [
    ["Resource group", d.isNewRg ? `${d.rg} (new)` : d.rg], ["Name", d.name], ["Region", d.location],
    ["Containers", d.containers.map((c) => `${c.name}: ${c.image}${c.isInit ? " (init)" : `, ${c.cpu} CPU, ${c.memory} GB`}`).join("; ")],
    ["Networking", d.access === "None" ? "none" : `${d.access}, ${d.ports.map((p) => `${p.port}/${p.protocol}`).join(", ")}${d.access === "Public" && d.label ? `, ${d.label}` : ""}`],
    ["Restart policy", d.restart], ["Volumes", d.volumes.map((v) => v.name).join(", ") || "none"], ["Tags", d.tags.map((t) => `${t.name}: ${t.value}`).join(", ") || "none"],
  ];
  return (
    <div className="form" style={{ maxWidth: "none" }}>
      {problems.map((problem) => (
        <MessageBar key={problem.field + problem.message} intent="error" layout="multiline"><MessageBarBody>
          {problem.message} <Button size="small" onClick={() => onGo(problem.step)}>Go to {STEPS[problem.step]}</Button>
        </MessageBarBody></MessageBar>
      ))}
      {isReady && <MessageBar intent="success"><MessageBarBody>Ready to be created.</MessageBarBody></MessageBar>}
      <div className="tabs"><TabList size="small" selectedValue={view} onTabSelect={(_, data) => setView(String(data.value))} aria-label="Views">{["Summary", ...Object.keys(texts)].map((name) => <Tab key={name} value={name}>{name}</Tab>)}</TabList></div>
      {view === "Summary" ? <Facts facts={facts} /> : (
        <>
          <pre className="code" tabIndex={0} role="region" aria-label={view}>{texts[view]}</pre>
          <div><Copy label={view} text={texts[view]} /> Secrets are shown as …</div>
        </>
      )}
    </div>
  );
}
