import { Button } from "@fluentui/react-components";
import { useState } from "react";
import { home, useAsync, usePermissions, type Json } from "../api";
import { useAct } from "../parts/act";
import { Copy } from "../parts/Copy";
import { ConfirmDelete } from "../parts/dialogs";
import { Facts } from "../parts/Facts";
import { tagsText } from "../parts/group";
import { Keys } from "../parts/Keys";
import { Failure, Loading } from "../parts/show";
import { arm, credentialsOf, localServer, REGISTRIES } from "../registry";
import { go, Link } from "../router";
import { Repositories } from "./Repositories";

export default function RegistryPage({ rg, name }: { rg: string; name: string }) {
  const { value, error, reload } = useAsync(`${rg}/${name}`, async () => arm("GET", `${(await home()).id}/resourceGroups/${rg}/providers/${REGISTRIES}/${name}`));
  return (
    <>
      <nav className="trail" aria-label="Path"><Link to="/registries">Registries</Link></nav>
      <h1>{name}</h1>
      <Failure error={error} title="This registry cannot be shown" />
      {!value && !error && <Loading what="registry" />}
      {value && <Shown registry={value} rg={rg} onChange={reload} />}
    </>
  );
}

function Shown({ registry, rg, onChange }: { registry: Json; rg: string; onChange: () => void }) {
  const { id, name, sku, properties } = registry;
  const can = usePermissions(id);
  const [asked, setAsked] = useState<"keys" | "delete">();
  const { failure, isBusy, act } = useAct();
  const setAdmin = (adminUserEnabled: boolean) => act(arm("PATCH", id, { properties: { adminUserEnabled } }), onChange);
  const address = `${localServer(registry)}/${name.toLowerCase()}`;
  const facts: [string, React.ReactNode][] = [
    ["Login server", <>{properties.loginServer} <Copy label="login server" text={properties.loginServer} /></>],
    ["On this host", <>{address} <Copy label="address on this host" text={address} /></>],
    ["Resource group", rg],
    ["SKU", sku.name],
    ["Admin user", properties.adminUserEnabled ? "on" : "off"],
    ["Tags", tagsText(registry.tags)],
  ];
  return (
    <>
      <div className="bar">
        {properties.adminUserEnabled && can(`${REGISTRIES}/listCredentials/action`) && <Button onClick={() => setAsked("keys")}>Access keys</Button>}
        {can(`${REGISTRIES}/write`) && <Button disabled={isBusy} onClick={() => setAdmin(!properties.adminUserEnabled)}>{properties.adminUserEnabled ? "Turn the admin user off" : "Turn the admin user on"}</Button>}
        {can(`${REGISTRIES}/delete`) && <Button disabled={isBusy} onClick={() => setAsked("delete")}>Delete</Button>}
      </div>
      <Failure error={failure} />
      <div className="card"><Facts facts={facts} /></div>
      <Repositories registry={name} server={address} canDelete={can(`${REGISTRIES}/artifacts/delete`)} />
      {asked === "keys" && (
        <Keys about="The admin user may do everything in the registry, with either password." user={name.toLowerCase()} onClose={() => setAsked(undefined)}
          load={async () => (await credentialsOf(id)).passwords}
          renew={can(`${REGISTRIES}/regenerateCredential/action`) ? async (key) => (await arm("POST", `${id}/regenerateCredential`, { name: key })).passwords : undefined} />
      )}
      {asked === "delete" && (
        <ConfirmDelete names={[name]} loss="The registry is deleted with all its images. Groups that run them go on."
          onDelete={() => act(arm("DELETE", id), () => go("/registries"))} onClose={() => setAsked(undefined)} />
      )}
    </>
  );
}
