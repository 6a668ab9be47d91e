import { Button, Textarea } from "@fluentui/react-components";
import { useState } from "react";
import { parse, stringify } from "yaml";
import { call, type Json } from "../../api";
import { useAct } from "../../parts/act";
import { containersOf } from "../../parts/group";
import { Failure } from "../../parts/show";

/** What a request may say: the document without what has become of it. */
function wanted(group: Json): Json {
  const copy = structuredClone(group);
  for (const name of ["id", "type"]) delete copy[name];
  const { properties } = copy;
  for (const name of ["instanceView", "provisioningState", "isCustomProvisioningTimeout", "provisioningTimeoutInSeconds"]) delete properties[name];
  for (const container of containersOf(copy)) delete container.properties.instanceView;
  if (properties.ipAddress) { delete properties.ipAddress.ip; delete properties.ipAddress.fqdn; }
  return copy;
}

/** Lines that differ, by the longest common subsequence. */
function diff(before: string[], after: string[]): [string, string][] {
  const length = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      length[i][j] = before[i] === after[j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  const lines: [string, string][] = [];
  for (let i = 0, j = 0; i < before.length || j < after.length; ) {
    if (i < before.length && j < after.length && before[i] === after[j]) { lines.push([" ", before[i]]); i++; j++; }
    else if (j >= after.length || (i < before.length && length[i + 1][j] >= length[i][j + 1])) lines.push(["-", before[i++]]);
    else lines.push(["+", after[j++]]);
  }
  return lines;
}

/** The group that a text asks for. */
async function read(text: string): Promise<Json> {
  const group = parse(text);
  if (!group?.properties) throw new Error("This is no container group: it has no properties.");
  return group;
}

export default function Yaml({ id, group, canWrite }: { id: string; group: Json; canWrite: boolean }) {
  const now = stringify(wanted(group));
  const [isEditing, setEditing] = useState(false);
  if (isEditing) return <Editor {...{ id, group, now }} onClose={() => setEditing(false)} />;
  return (
    <>
      <pre className="code" tabIndex={0} role="region" aria-label="YAML">{now}</pre>
      {canWrite && <div><Button onClick={() => setEditing(true)}>Edit</Button></div>}
    </>
  );
}

function Editor({ id, group, now, onClose }: { id: string; group: Json; now: string; onClose: () => void }) {
  const [text, setText] = useState(now);
  const [next, setNext] = useState<Json>();
  const { failure, isBusy, act } = useAct();
  const apply = async () => {
    await call("PUT", id, next);
    // As on Azure, an update leaves the tags as they are.
    if (JSON.stringify(next.tags ?? {}) !== JSON.stringify(group.tags ?? {})) await call("PATCH", id, { tags: next.tags ?? {} });
  };
  const isSecret = now.includes("secure") || JSON.stringify(group).includes('"imageRegistryCredentials"');
  return (
    <>
      <Failure error={failure} title="This cannot be applied" />
      {next ? (
        <>
          <pre className="code" tabIndex={0} role="region" aria-label="Changes">{diff(now.split("\n"), stringify(next).split("\n")).map(([sign, line], index) => (
            <div key={index} style={sign === "+" ? { background: "#2a8a2a33" } : sign === "-" ? { background: "#c5303033" } : undefined}>{sign} {line}</div>
          ))}</pre>
          <p>Containers that change are restarted; the others run on.</p>
          <div className="bar"><Button appearance="primary" disabled={isBusy} onClick={() => act(apply(), onClose)}>Apply</Button><Button disabled={isBusy} onClick={() => setNext(undefined)}>Back</Button></div>
        </>
      ) : (
        <>
          {isSecret && <p>Secrets are not shown; enter them again where they are to stay.</p>}
          <Textarea aria-label="YAML" value={text} onChange={(_, data) => setText(data.value)} rows={24} resize="vertical" spellCheck={false} textarea={{ style: { fontFamily: "monospace", maxHeight: "none" } }} />
          <div className="bar"><Button appearance="primary" onClick={() => act(read(text), setNext)}>Show changes</Button><Button onClick={onClose}>Cancel</Button></div>
        </>
      )}
    </>
  );
}
