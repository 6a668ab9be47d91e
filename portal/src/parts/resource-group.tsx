import { Field, Input, Select } from "@fluentui/react-components";
import { useState } from "react";
import { call, home, resourceGroups, useAsync } from "../api";

const NEW = "(new)";

/** Which resource group something shall be in, one that there is or a new one. */
export function useResourceGroup() {
  const { value: known } = useAsync("rgs", async () => {
    const { id, location } = await home();
    return { id, location, rgs: (await resourceGroups()).map((rg) => rg.name as string) };
  });
  const [chosen, choose] = useState<string>();
  const [fresh, setFresh] = useState("default");
  const choice = chosen ?? known?.rgs[0] ?? NEW;
  const rg = choice === NEW ? fresh.trim() : choice;
  /** Makes it if it is new; returns its id. */
  const make = async () => {
    const id = `${known!.id}/resourceGroups/${rg}`;
    if (choice === NEW) await call("PUT", id, { location: known!.location });
    return id;
  };
  return { rgs: known?.rgs ?? [], choice, choose, fresh, setFresh, make, isReady: !!known && /^[\w.()-]{1,90}$/.test(rg) };
}

export function ResourceGroup({ rgs, choice, choose, fresh, setFresh }: ReturnType<typeof useResourceGroup>) {
  return (
    <>
      <Field label="Resource group"><Select value={choice} onChange={(_, data) => choose(data.value)}>{rgs.map((rg) => <option key={rg}>{rg}</option>)}<option value={NEW}>Create new</option></Select></Field>
      {choice === NEW && <Field label="New resource group" required><Input value={fresh} onChange={(_, data) => setFresh(data.value)} /></Field>}
    </>
  );
}
