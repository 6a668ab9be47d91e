import { Button, Tab, TabList } from "@fluentui/react-components";
import { Suspense, useEffect, useState } from "react";
import { call, get, groupId, home, parseId, resourceGroups, useAsync } from "../../api";
import { ApiError } from "../../connection";
import { keyByName } from "../../files";
import { useComplaint } from "../../parts/complaint";
import { groupPath } from "../../parts/group";
import { Failure, Loading } from "../../parts/show";
import { credentialsOf } from "../../registry";
import { go, later } from "../../router";
import { useGroups } from "../../watch";
import { Advanced } from "./Advanced";
import { Basics } from "./Basics";
import { check, document as documentOf, first, isLabel, locate, STEPS, type Draft, type Problem, type Volume } from "./draft";
import { complaintAbout } from "./label";
import { Networking } from "./Networking";
import type { StepProps } from "./step";
import { Tags } from "./Tags";
import { Volumes } from "./Volumes";

const Review = later(() => import("./Review"));
const KEPT = "draft";

/** A draft outlives a reload, its secrets do not. */
function load(): Draft {
  try {
    return { ...first(), ...JSON.parse(sessionStorage.getItem(KEPT) ?? "") };
  } catch {
    return first();
  }
}
function keep(d: Draft) {
  const env = (e: Draft["containers"][0]["env"][0]) => (e.isSecret ? { ...e, value: "" } : e);
  const safe = { ...d, password: "", containers: d.containers.map((c) => ({ ...c, env: c.env.map(env) })), volumes: d.volumes.map((v) => ({ ...v, key: "", content: "" })) };
  sessionStorage.setItem(KEPT, JSON.stringify(safe));
}

/** The draft with the keys and passwords that were left to be asked for. */
async function withSecrets(d: Draft): Promise<Draft> {
  const keyed = async (v: Volume) => (v.kind === "azureFile" && !v.key ? { ...v, key: await keyByName(v.account) } : v);
  const password = d.source === "own" ? (await credentialsOf(d.registry)).passwords[0].value : d.password;
  return { ...d, password, volumes: await Promise.all(d.volumes.map(keyed)) };
}

export default function Create() {
  const { groups } = useGroups();
  const { value, error } = useAsync("wizard", async () => {
    const { id, location } = await home();
    const rgs = (await resourceGroups()).map((rg) => rg.name as string);
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
  const label = useComplaint(d.access === "Public" && isLabel(d.label) ? d.label : "", (label) => complaintAbout(d.location, label));
  if (error) return <Failure error={error} />;
  if (!value) return <Loading what="form" />;

  const taken = new Set([...groups.keys()].map((id) => { const { rg, name } = parseId(id); return `${rg}/${name}`.toLowerCase(); }));
  const problems = check(d, taken);
  if (label.complaint) problems.push({ step: 1, field: "label", message: label.complaint });
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
      const id = groupId(value.id, d.rg, d.name);
      await call("PUT", id, documentOf(await withSecrets(d)));
      sessionStorage.removeItem(KEPT);
      go(groupPath(id));
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
        {step === 1 && <Networking {...{ d, set, say }} isLabelFree={label.isFree} />}
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
        <Button appearance="subtle" onClick={() => { sessionStorage.removeItem(KEPT); set({ ...first(), location: d.location, rg: d.rg, isNewRg: d.isNewRg }); setShown(false); setFailure(undefined); setStep(0); }}>Start over</Button>
      </div>
    </>
  );
}
