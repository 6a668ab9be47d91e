import { Button } from "@fluentui/react-components";
import { useRef, useState, type DragEvent } from "react";
import { home, useAsync, usePermissions } from "../../api";
import { nameOf, Share, type Entry } from "../../files";
import { ConfirmDelete, FormDialog } from "../../parts/dialogs";
import { Empty, Failure, Loading } from "../../parts/show";
import { Link } from "../../router";
import { Entries } from "./Entries";
import { NameDialog } from "./NameDialog";
import { Uploads } from "./Uploads";
import { dropped, picked, useUploads, type Wanted } from "./uploads";

interface Place {
  rg: string;
  account: string;
  share: string;
  folder: string[];
}

export default function Folder(place: Place) {
  const { value: sub, error } = useAsync("home", home);
  const id = sub && `${sub.id}/resourceGroups/${decodeURIComponent(place.rg)}/providers/Microsoft.Storage/storageAccounts/${place.account}`;
  const { value: opened, error: refused } = useAsync(`${id}/${place.share}`, async () => (id ? Share.open(id, place.account, place.share) : undefined));
  return (
    <>
      <Trail {...place} />
      <Failure error={error} />
      {refused && <Refused id={id} account={place.account} error={refused} />}
      {!opened && !error && !refused && <Loading what="share" />}
      {opened && <Shown key={place.folder.join("/")} {...place} share={opened} />}
    </>
  );
}

const pathOf = ({ rg, account, share, folder }: Place) => `/files/${[rg, account, share, ...folder].join("/")}`;

function Trail(place: Place) {
  const { folder, share, account } = place;
  return (
    <>
      <nav className="trail" aria-label="Path">
        <Link to="/files">File shares</Link> / <span>{account}</span>
        {[share, ...folder].slice(0, -1).map((part, index) => (
          <span key={index}> / <Link to={pathOf({ ...place, folder: folder.slice(0, index) })}>{nameOf(part)}</Link></span>
        ))}
      </nav>
      <h1>{nameOf(folder[folder.length - 1] ?? share)}</h1>
    </>
  );
}

/** Whoever may not have the key is told so, others what else is wrong. */
function Refused({ id, account, error }: { id?: string; account: string; error: Error }) {
  const can = usePermissions(id);
  if (can("Microsoft.Storage/storageAccounts/listKeys/action")) return <Failure error={error} title="This share cannot be opened" />;
  return (
    <Empty title="You may not open this share">
      <p>The portal opens shares with a key of the storage account, and your roles do not let you have the keys of {account}.</p>
      <p>Ask an owner for a role with <code>Microsoft.Storage/storageAccounts/listKeys/action</code>, such as Contributor.</p>
    </Empty>
  );
}

function Shown({ share, ...place }: Omit<Place, "share"> & { share: Share }) {
  const { folder } = place;
  const { value, error, reload } = useAsync(`${place.account}/${share.share}/${folder.join("/")}`, () => share.list(folder));
  const [chosen, setChosen] = useState(new Set<string>());
  const [asked, setAsked] = useState<"folder" | "delete" | "rename" | Wanted[]>();
  const [failure, setFailure] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const { uploads, begin, clear } = useUploads(share, folder, reload);
  const entries = value ?? [];
  const doomed = entries.filter((entry) => chosen.has(entry.segment));
  const taken = (wanted: Wanted[]) => {
    const names = new Set(wanted.map((one) => one.path[0].toLowerCase()));
    return entries.filter((entry) => names.has(entry.name.toLowerCase()));
  };
  const take = (wanted: Wanted[]) => (taken(wanted).length ? setAsked(wanted) : begin(wanted));
  const remove = async () => {
    setFailure(undefined);
    setBusy(true);
    try {
      for (const entry of doomed) await share.remove([...folder, entry.segment], entry.isFolder);
      setChosen(new Set());
    } catch (error) {
      setFailure(error as Error);
    }
    setBusy(false);
    reload();
  };
  const save = async (entry: Entry) => {
    const link = document.createElement("a");
    link.href = await share.link([...folder, entry.segment]);
    link.download = entry.name;
    link.click();
  };
  const drag = (isOn: boolean) => (event: DragEvent) => {
    event.preventDefault();
    setOver(isOn);
  };
  const drop = async (event: DragEvent) => {
    drag(false)(event);
    await dropped(event.dataTransfer).then(take, setFailure);
  };
  return (
    <>
      <div className="bar">
        <Button appearance="primary" onClick={() => input.current?.click()}>Upload</Button>
        <input ref={input} type="file" multiple hidden aria-label="Files to upload" onChange={(event) => { take(picked(event.target.files!)); event.target.value = ""; }} />
        <Button onClick={() => setAsked("folder")}>New folder</Button>
        <Button disabled={doomed.length !== 1 || isBusy} onClick={() => setAsked("rename")}>Rename</Button>
        <Button disabled={!doomed.length || isBusy} onClick={() => setAsked("delete")}>{isBusy ? "Deleting…" : "Delete"}</Button>
        <Button onClick={reload}>Refresh</Button>
      </div>
      <Failure error={failure} />
      <Failure error={error} title="This folder cannot be shown" />
      <Uploads uploads={uploads} onClear={clear} />
      {!value && !error && <Loading what="files" />}
      {value && (
        <div className={isOver ? "drop over" : "drop"} onDragOver={drag(true)} onDragLeave={drag(false)} onDrop={drop}>
          {entries.length ? <Entries {...{ entries, chosen, setChosen, save }} path={pathOf({ ...place, share: share.share })} /> : <Empty title="Nothing in here"><p>Drop files here, or choose Upload.</p></Empty>}
        </div>
      )}
      {asked === "folder" && (
        <NameDialog title="New folder" label="Folder name" verb="Create" others={entries} onClose={() => setAsked(undefined)}
          onSubmit={(name) => share.makeFolder([...folder, encodeURIComponent(name)]).then(reload)} />
      )}
      {asked === "rename" && doomed[0] && (
        <NameDialog title={`Rename ${doomed[0].name}`} label="New name" verb="Rename" first={doomed[0].name} others={entries.filter((entry) => entry !== doomed[0])} onClose={() => setAsked(undefined)}
          onSubmit={(name) => share.rename([...folder, doomed[0].segment], [...folder, encodeURIComponent(name)], doomed[0].isFolder).finally(() => { setChosen(new Set()); reload(); })} />
      )}
      {asked === "delete" && (
        <ConfirmDelete names={doomed.map((entry) => entry.name)} what="files and folders" loss={doomed.some((entry) => entry.isFolder) ? "Folders are deleted with all that is in them." : "Containers that use it lose it too."}
          onDelete={remove} onClose={() => setAsked(undefined)} />
      )}
      {Array.isArray(asked) && (
        <FormDialog title="Replace what is there?" verb="Replace" isReady onClose={() => setAsked(undefined)} onSubmit={async () => begin(asked)}>
          <p>{taken(asked).map((entry) => entry.name).join(", ")} is in this folder already. Files of the same name are replaced.</p>
        </FormDialog>
      )}
    </>
  );
}
