import { parseId, useAsync, type Json } from "../../api";
import { listAccounts } from "../../files";
import { containersOf } from "../../parts/group";
import { Empty } from "../../parts/show";
import { Table } from "../../parts/Table";
import { Link } from "../../router";

/** What a group mounts, and where. */
export default function Volumes({ group }: { group: Json }) {
  const { volumes } = group.properties;
  if (!volumes?.length) return <Empty title="This group has no volumes"><p>What its containers write is lost when they are made anew.</p></Empty>;
  const mounts = (name: string) =>
    containersOf(group).flatMap((c) => (c.properties.volumeMounts ?? []).filter((m: Json) => m.name === name).map((m: Json) => `${c.name}: ${m.mountPath}${m.readOnly ? " (read-only)" : ""}`));
  return (
    <Table label="Volumes" head={<><th>Volume</th><th>Kind</th><th>Content</th><th>Mounted</th></>}>
      {volumes.map((volume: Json) => (
        <tr key={volume.name}>
          <td>{volume.name}</td><td>{kindOf(volume)}</td><td>{volume.azureFile ? <ShareLink {...volume.azureFile} /> : contentOf(volume)}</td>
          <td title={mounts(volume.name).join("\n")}>{mounts(volume.name).join(", ") || "nowhere"}</td>
        </tr>
      ))}
    </Table>
  );
}

const KINDS: Record<string, string> = { azureFile: "File share", emptyDir: "Empty directory", gitRepo: "Git repository", secret: "Secret" };
const kindOf = (volume: Json) => KINDS[Object.keys(KINDS).find((kind) => volume[kind]) ?? ""] ?? "other";

function contentOf({ gitRepo, secret }: Json): string {
  if (gitRepo) return `${gitRepo.repository}${gitRepo.revision ? ` at ${gitRepo.revision}` : ""}`;
  return secret ? "not shown" : "–";
}

/** Leads to the share, if it is one of this host's that the user may see. */
function ShareLink({ storageAccountName: account, shareName: share }: { storageAccountName: string; shareName: string }) {
  const { value } = useAsync("accounts", listAccounts);
  const found = value?.find((one) => one.name === account);
  const text = `${share} in ${account}`;
  return found ? <Link to={`/files/${encodeURIComponent(parseId(found.id).rg)}/${account}/${share}`}>{text}</Link> : text;
}
