import { Button, Checkbox, Combobox, Field, Input, Option, Select, Tab, TabList } from "@fluentui/react-components";
import { Suspense, useEffect, useState } from "react";
import { call, get, groupId, home, parseId, useAsync, type Json } from "../api";
import { ApiError } from "../connection";
import { keyByName, listAccounts, listShares } from "../files";
import { Failure, Loading } from "../parts/common";
import { go, later } from "../router";
import { useGroups } from "../watch";
import { isDelegated, listNetworks } from "./Networks";
import { check, container, document as documentOf, first, locate, QUICKSTARTS, STEPS, volume, type Draft, type Problem, type Volume } from "./draft";

const Review = later(() => import("./Review"));
const KEPT = "draft";

/** A draft outlives a reload, its secrets do not. */
function load(): Draft {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "") as Draft;
  } catch {
    return first();
  }
}
function keep(d: Draft) {
  const env = (e: Draft["containers"][0]["env"][0]) => (e.isSecret ? { ...e, value: "" } : e);
  const safe = { ...d, password: "", containers: d.containers.map((c) => ({ ...c, env: c.env.map(env) })), volumes: d.volumes.map((v) => ({ ...v, key: "", content: "" })) };
  sessionStorage.setItem(KEPT, JSON.stringify(safe));
}

export interface StepProps {
  d: Draft;
  set: (change: Partial<Draft>) => void;
  say: (field: string) => { validationMessage?: string; validationState?: "error" | "none" };
}

const replace = <T,>(list: T[], index: number, change: Partial<T>) => list.map((item, at) => (at === index ? { ...item, ...change } : item));
const without = <T,>(list: T[], index: number) => list.filter((_, at) => at !== index);

/** Volumes with the keys that were left to be asked for. */
const withKeys = (volumes: Volume[]) =>
  Promise.all(volumes.map(async (v) => (v.kind === "azureFile" && !v.key ? { ...v, key: await keyByName(v.account) } : v)));

export default function Create() {
  const { groups } = useGroups();
  const { value, error } = useAsync("wizard", async () => {
    const { id, location } = await home();
    const rgs = (await get(`${id}/resourceGroups`)).value.map((rg: Json) => rg.name) as string[];
    const limits = (await get(`${id}/providers/Microsoft.ContainerInstance/locations/${location}/capabilities`)).value[0]?.capabilities;
    return { id, location, rgs, limits };
  });
  const [d, setDraft] = useState(load);
  const [step, setStep] = useState(0);
  const [isShown, setShown] = useState(false);
  const [refused, setRefused] = useState<Problem>();
  const [failure, setFailure] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const set = (change: Partial<Draft>) => {
    setRefused(undefined);
    setDraft((old) => ({ ...old, ...change }));
  };
  useEffect(() => keep(d), [d]);
  useEffect(() => {
    if (!value) return;
    const rg = d.rg || value.rgs[0] || "default";
    set({ location: value.location, rg, isNewRg: d.isNewRg || !value.rgs.includes(rg) });
  }, [value]);
  if (error) return <Failure error={error} />;
  if (!value) return <Loading what="form" />;

  const taken = new Set([...groups.keys()].map((id) => { const { rg, name } = parseId(id); return `${rg}/${name}`.toLowerCase(); }));
  const labels = new Set([...groups.values()].map((g) => g.group.properties.ipAddress?.dnsNameLabel).filter(Boolean));
  const problems = check(d, taken);
  if (d.label && labels.has(d.label)) problems.push({ step: 1, field: "label", message: `Another group has the name ${d.label}.` });
  if (value.limits) d.containers.forEach((c, index) => {
    if (Number(c.cpu) > value.limits.maxCpu) problems.push({ step: index ? 2 : 0, field: `containers.${index}.cpu`, message: `This host has ${value.limits.maxCpu} CPUs.` });
    if (Number(c.memory) > value.limits.maxMemoryInGB) problems.push({ step: index ? 2 : 0, field: `containers.${index}.memory`, message: `This host has ${value.limits.maxMemoryInGB} GB.` });
  });
  if (refused) problems.push(refused);
  const say: StepProps["say"] = (field) => {
    const problem = isShown || field === "label" || field === "name" ? problems.find((p) => p.field === field) : undefined;
    return { validationMessage: problem?.message, validationState: problem ? "error" : "none" };
  };
  const create = async () => {
    setFailure(undefined);
    setBusy(true);
    try {
      if (d.isNewRg) await call("PUT", `${value.id}/resourceGroups/${d.rg}`, { location: d.location });
      await call("PUT", groupId(value.id, d.rg, d.name), documentOf({ ...d, volumes: await withKeys(d.volumes) }));
      sessionStorage.removeItem(KEPT);
      go(`/groups/${encodeURIComponent(d.rg)}/${encodeURIComponent(d.name)}`);
    } catch (error) {
      const at = error instanceof ApiError ? locate(error.target, error.code, d) : undefined;
      if (at) setRefused({ ...at, message: (error as Error).message });
      setFailure(error as Error);
    }
    setBusy(false);
  };
  const isLast = step === STEPS.length - 1;
  const review = () => { setShown(true); setStep(STEPS.length - 1); };
  return (
    <>
      <h1>Create container group</h1>
      <div className="tabs">
        <TabList selectedValue={step} onTabSelect={(_, data) => (data.value === STEPS.length - 1 ? review() : setStep(Number(data.value)))} aria-label="Steps">
          {STEPS.map((title, index) => <Tab key={title} value={index}>{title}{isShown && problems.some((p) => p.step === index) ? " ⚠" : ""}</Tab>)}
        </TabList>
      </div>
      <Failure error={failure} title="Wharf refused this group" />
      <div className="card">
        {step === 0 && <Basics {...{ d, set, say }} rgs={value.rgs} limits={value.limits} />}
        {step === 1 && <Networking {...{ d, set, say }} />}
        {step === 2 && <Advanced {...{ d, set, say }} />}
        {step === 3 && <Volumes {...{ d, set, say }} />}
        {step === 4 && <Tags {...{ d, set, say }} />}
        {isLast && <Suspense fallback={<Loading what="review" />}><Review d={d} problems={problems} isReady={!problems.length && !failure} onGo={setStep} /></Suspense>}
      </div>
      <div className="foot">
        {isLast ? <Button appearance="primary" disabled={isBusy || problems.some((p) => p !== refused)} onClick={create}>{isBusy ? "Creating…" : "Create"}</Button>
          : <Button appearance="primary" onClick={review}>Review + create</Button>}
        <Button disabled={!step} onClick={() => setStep(step - 1)}>Previous</Button>
        {!isLast && <Button onClick={() => (step === STEPS.length - 2 ? review() : setStep(step + 1))}>Next: {STEPS[step + 1]}</Button>}
        <span className="grow" />
        <Button appearance="subtle" onClick={() => { sessionStorage.removeItem(KEPT); setDraft({ ...first(), location: d.location, rg: d.rg, isNewRg: d.isNewRg }); setShown(false); setFailure(undefined); setStep(0); }}>Start over</Button>
      </div>
    </>
  );
}

function Basics({ d, set, say, rgs, limits }: StepProps & { rgs: string[]; limits?: Json }) {
  const main = d.containers[0];
  const change = (part: Partial<typeof main>) => set({ containers: replace(d.containers, 0, part) });
  return (
    <div className="form">
      <Field label="Subscription"><Input readOnly value="Wharf" /></Field>
      <Field label="Resource group" hint={d.isNewRg ? `${d.rg} will be created.` : undefined} {...say("rg")}>
        <Combobox freeform value={d.rg} selectedOptions={[d.rg]} onOptionSelect={(_, data) => data.optionText && set({ rg: data.optionText, isNewRg: !rgs.includes(data.optionText) })}
          onChange={(event) => set({ rg: event.target.value.trim(), isNewRg: !rgs.some((rg) => rg.toLowerCase() === event.target.value.trim().toLowerCase()) })}>
          {rgs.map((rg) => <Option key={rg}>{rg}</Option>)}
        </Combobox>
      </Field>
      <Field label="Container group name" required {...say("name")}>
        <Input value={d.name} onChange={(_, data) => set({ name: data.value, containers: main.name === d.name ? replace(d.containers, 0, { name: data.value }) : d.containers })} />
      </Field>
      <Field label="Region"><Input readOnly value={d.location} /></Field>
      <Field label="Image source">
        <Select value={d.source} onChange={(_, data) => { set({ source: data.value as Draft["source"] }); change({ image: data.value === "quickstart" ? QUICKSTARTS[0] : "" }); }}>
          <option value="quickstart">Quickstart images</option><option value="other">Docker Hub or another registry, public</option><option value="private">Azure Container Registry or another registry, private</option>
        </Select>
      </Field>
      <Field label="Image" required {...say("containers.0.image")}>
        {d.source === "quickstart" ? <Select value={main.image} onChange={(_, data) => change({ image: data.value })}>{QUICKSTARTS.map((image) => <option key={image}>{image}</option>)}</Select>
          : <Input value={main.image} placeholder="registry/name:tag" onChange={(_, data) => change({ image: data.value })} />}
      </Field>
      {d.source === "private" && (
        <>
          <Field label="Registry login server" required {...say("server")}><Input value={d.server} onChange={(_, data) => set({ server: data.value })} /></Field>
          <div className="line">
            <Field label="User name" required><Input value={d.user} autoComplete="off" onChange={(_, data) => set({ user: data.value })} /></Field>
            <Field label="Password" required><Input type="password" autoComplete="new-password" value={d.password} onChange={(_, data) => set({ password: data.value })} /></Field>
          </div>
        </>
      )}
      <Field label="OS type"><Input readOnly value="Linux" /></Field>
      <div className="line">
        <Field label="CPU cores" hint={limits && `Up to ${limits.maxCpu}`} {...say("containers.0.cpu")}><Input inputMode="decimal" value={main.cpu} onChange={(_, data) => change({ cpu: data.value })} /></Field>
        <Field label="Memory (GB)" hint={limits && `Up to ${limits.maxMemoryInGB}`} {...say("containers.0.memory")}><Input inputMode="decimal" value={main.memory} onChange={(_, data) => change({ memory: data.value })} /></Field>
      </div>
    </div>
  );
}

function Networking({ d, set, say }: StepProps) {
  return (
    <div className="form">
      <Field label="Networking type">
        <Select value={d.access} onChange={(_, data) => set({ access: data.value as Draft["access"] })}>
          <option value="Public">Public: an address of its own</option><option value="Private">Private: in a virtual network</option><option value="None">None: nobody reaches it</option>
        </Select>
      </Field>
      {d.access === "Private" && <SubnetField {...{ d, set, say }} />}
      {d.access === "Public" && <Field label="DNS name label" hint={d.label ? `${d.label}.${d.location}.…` : "Optional"} {...say("label")}><Input value={d.label} onChange={(_, data) => set({ label: data.value })} /></Field>}
      {d.access !== "None" && (
        <>
          <Field label="Ports" {...say("ports")}><span /></Field>
          {d.ports.map((p, index) => (
            <div className="line" key={index}>
              <Field label="Port" {...say(`ports.${index}`)}><Input inputMode="numeric" value={p.port} onChange={(_, data) => set({ ports: replace(d.ports, index, { port: data.value }) })} /></Field>
              <Field label="Protocol"><Select value={p.protocol} onChange={(_, data) => set({ ports: replace(d.ports, index, { protocol: data.value }) })}><option>TCP</option><option>UDP</option></Select></Field>
              <Button aria-label={`Remove port ${p.port}`} onClick={() => set({ ports: without(d.ports, index) })}>Remove</Button>
            </div>
          ))}
          <div><Button onClick={() => set({ ports: [...d.ports, { port: "", protocol: "TCP" }] })}>Add port</Button></div>
        </>
      )}
    </div>
  );
}

/** The subnets that groups may be in. */
function SubnetField({ d, set, say }: StepProps) {
  const { value, error } = useAsync("networks", listNetworks);
  const subnets = (value ?? []).flatMap((network) => network.properties.subnets.filter(isDelegated).map((subnet: Json) => ({ id: subnet.id as string, title: `${network.name} / ${subnet.name}` })));
  return (
    <Field label="Subnet" required hint="Subnets are made on the page Virtual networks" {...say("subnet")} {...(error && { validationMessage: error.message, validationState: "error" })}>
      <Select value={d.subnet} onChange={(_, data) => set({ subnet: data.value })}>
        <option value="">Choose</option>
        {subnets.map(({ id, title }) => <option key={id} value={id}>{title}</option>)}
      </Select>
    </Field>
  );
}

function Advanced({ d, set, say }: StepProps) {
  return (
    <div className="form">
      <Field label="Restart policy"><Select value={d.restart} onChange={(_, data) => set({ restart: data.value })}>{["Always", "OnFailure", "Never"].map((p) => <option key={p}>{p}</option>)}</Select></Field>
      <p>Key management: Wharf keeps secrets encrypted with a key of its own on this host; there is nothing to choose.</p>
      {d.containers.map((c, index) => {
        const change = (part: Partial<typeof c>) => set({ containers: replace(d.containers, index, part) });
        return (
          <section className="form" key={index} aria-label={`Container ${index + 1}`}>
            <h3>{c.isInit ? "Init container" : "Container"} {index + 1}</h3>
            <Field label="Name" {...say(`containers.${index}.name`)}><Input value={c.name} onChange={(_, data) => change({ name: data.value })} /></Field>
            {index > 0 && (
              <>
                <Checkbox label="Runs to its end before the others start (init container)" checked={c.isInit} onChange={(_, data) => change({ isInit: !!data.checked })} />
                <Field label="Image" {...say(`containers.${index}.image`)}><Input value={c.image} onChange={(_, data) => change({ image: data.value })} /></Field>
                {!c.isInit && (
                  <div className="line">
                    <Field label="CPU cores" {...say(`containers.${index}.cpu`)}><Input value={c.cpu} onChange={(_, data) => change({ cpu: data.value })} /></Field>
                    <Field label="Memory (GB)" {...say(`containers.${index}.memory`)}><Input value={c.memory} onChange={(_, data) => change({ memory: data.value })} /></Field>
                  </div>
                )}
              </>
            )}
            <Field label="Command override" hint="Optional; quotes keep words together" {...say(`containers.${index}.command`)}><Input value={c.command} onChange={(_, data) => change({ command: data.value })} /></Field>
            {c.env.map((e, at) => (
              <div className="line" key={at}>
                <Field label="Variable"><Input value={e.name} onChange={(_, data) => change({ env: replace(c.env, at, { name: data.value }) })} /></Field>
                <Field label="Value"><Input type={e.isSecret ? "password" : "text"} value={e.value} autoComplete="off" onChange={(_, data) => change({ env: replace(c.env, at, { value: data.value }) })} /></Field>
                <Checkbox label="Secure" checked={e.isSecret} onChange={(_, data) => change({ env: replace(c.env, at, { isSecret: !!data.checked }) })} />
                <Button aria-label={`Remove variable ${e.name}`} onClick={() => change({ env: without(c.env, at) })}>Remove</Button>
              </div>
            ))}
            <div className="bar">
              <Button onClick={() => change({ env: [...c.env, { name: "", value: "", isSecret: false }] })}>Add variable</Button>
              {index > 0 && <Button onClick={() => set({ containers: without(d.containers, index) })}>Remove container</Button>}
            </div>
          </section>
        );
      })}
      <div><Button onClick={() => set({ containers: [...d.containers, container(`container-${d.containers.length + 1}`, QUICKSTARTS[2])] })}>Add container</Button></div>
    </div>
  );
}

function Volumes({ d, set, say }: StepProps) {
  return (
    <div className="form">
      {!d.volumes.length && <p>No volumes. What a container writes elsewhere is lost when it is restarted.</p>}
      {d.volumes.map((v, index) => {
        const change = (part: Partial<typeof v>) => set({ volumes: replace(d.volumes, index, part) });
        const text = (label: string, name: "repository" | "file" | "content", type: "text" | "password" = "text") => (
          <Field label={label}><Input type={type} autoComplete="off" value={v[name]} onChange={(_, data) => change({ [name]: data.value })} /></Field>
        );
        return (
          <section className="form" key={index} aria-label={`Volume ${index + 1}`}>
            <div className="line">
              <Field label="Volume name" {...say(`volumes.${index}.name`)}><Input value={v.name} onChange={(_, data) => change({ name: data.value })} /></Field>
              <Field label="Kind"><Select value={v.kind} onChange={(_, data) => change({ kind: data.value as typeof v.kind })}><option value="emptyDir">Empty directory</option><option value="secret">Secret</option><option value="gitRepo">Git repository</option><option value="azureFile">File share</option></Select></Field>
            </div>
            {v.kind === "gitRepo" && text("Repository", "repository")}
            {v.kind === "secret" && <div className="line">{text("File name", "file")}{text("Content", "content", "password")}</div>}
            {v.kind === "azureFile" && <ShareFields v={v} change={change} index={index} say={say} />}
            <div className="line">
              <Field label="Mount path" {...say(`volumes.${index}.path`)}><Input value={v.path} onChange={(_, data) => change({ path: data.value })} /></Field>
              <Field label="In"><Select value={v.container} onChange={(_, data) => change({ container: data.value })}><option value="">all containers</option>{d.containers.map((c) => <option key={c.name}>{c.name}</option>)}</Select></Field>
              <Button onClick={() => set({ volumes: without(d.volumes, index) })}>Remove</Button>
            </div>
          </section>
        );
      })}
      <div><Button onClick={() => set({ volumes: [...d.volumes, volume()] })}>Add volume</Button></div>
    </div>
  );
}

/** The shares that there are to choose from; of others, the names and the key. */
function ShareFields({ v, change, index, say }: { v: Volume; change: (part: Partial<Volume>) => void; index: number; say: StepProps["say"] }) {
  const { value } = useAsync("accounts", listAccounts);
  const account = value?.find((one) => one.name === v.account);
  const { value: shares } = useAsync(account?.id ?? "", async () => (account ? listShares(account.id) : []));
  const pick = (label: string, name: "account" | "share", options: string[]) => (
    <Field label={label} {...say(`volumes.${index}.${name}`)}>
      <Combobox freeform value={v[name]} selectedOptions={[v[name]]} onChange={(event) => change({ [name]: event.target.value.trim() })}
        onOptionSelect={(_, data) => data.optionText && change({ [name]: data.optionText })}>
        {options.map((option) => <Option key={option}>{option}</Option>)}
      </Combobox>
    </Field>
  );
  return (
    <>
      <div className="line">{pick("Storage account", "account", (value ?? []).map((one) => one.name))}{pick("Share", "share", (shares ?? []).map((one) => one.name))}</div>
      <Field label="Key" hint="Left empty, the portal asks Wharf for it" {...say(`volumes.${index}.key`)}>
        <Input type="password" autoComplete="off" value={v.key} onChange={(_, data) => change({ key: data.value })} />
      </Field>
    </>
  );
}

function Tags({ d, set, say }: StepProps) {
  return (
    <div className="form">
      {d.tags.map((t, index) => (
        <div className="line" key={index}>
          <Field label="Tag" {...say(`tags.${index}`)}><Input value={t.name} onChange={(_, data) => set({ tags: replace(d.tags, index, { name: data.value }) })} /></Field>
          <Field label="Value"><Input value={t.value} onChange={(_, data) => set({ tags: replace(d.tags, index, { value: data.value }) })} /></Field>
          <Button onClick={() => set({ tags: without(d.tags, index) })}>Remove</Button>
        </div>
      ))}
      <div><Button onClick={() => set({ tags: [...d.tags, { name: "", value: "" }] })}>Add tag</Button></div>
    </div>
  );
}
