import { Button, Checkbox, Field, Input, ProgressBar } from "@fluentui/react-components";
import { useEffect, useRef, useState, type DragEvent } from "react";
import { home, useAsync, usePermissions } from "../api";
import { nameOf, Share, type Entry } from "../files";
import { ConfirmDelete, FormDialog } from "../parts/dialogs";
import { bytesOf } from "../parts/format";
import { Age, Empty, Failure, Loading } from "../parts/show";
import { Link } from "../router";
import { dropped, picked, useUploads, type Upload, type Wanted } from "./uploads";

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
  const [asked, setAsked] = useState<"folder" | "delete" | Wanted[]>();
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
      {asked === "folder" && <NewFolder entries={entries} onClose={() => setAsked(undefined)} onCreate={(name) => share.makeFolder([...folder, encodeURIComponent(name)]).then(reload)} />}
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

interface EntriesProps {
  entries: Entry[];
  chosen: Set<string>;
  setChosen: (chosen: Set<string>) => void;
  save: (entry: Entry) => void;
  path: string;
}

const FolderSign = () => (
  <svg className="sign" viewBox="0 0 16 16" aria-hidden="true"><path fill="#f2b53c" d="M1 3h5l2 2h7v8H1z" /></svg>
);

/** Rows that are shown at once; a folder may have any number. */
const STEP = 500;

function Entries({ entries, chosen, setChosen, save, path }: EntriesProps) {
  const [count, setCount] = useState(STEP);
  const choose = (segments: string[], isOn: boolean) => {
    const next = new Set(chosen);
    for (const segment of segments) if (isOn) next.add(segment); else next.delete(segment);
    setChosen(next);
  };
  const all = entries.map((entry) => entry.segment);
  return (
    <div className="table" tabIndex={0} role="region" aria-label="Files and folders">
      <table>
        <thead>
          <tr>
            <th className="tick"><Checkbox aria-label="Choose all" checked={all.every((segment) => chosen.has(segment))} onChange={(_, data) => choose(all, !!data.checked)} /></th>
            <th>Name</th><th>Size</th><th className="wide">Changed</th><th><span className="unseen">Actions</span></th>
          </tr>
        </thead>
        <tbody>{entries.slice(0, count).map((entry) => (
          <tr key={entry.segment}>
            <td className="tick"><Checkbox aria-label={`Choose ${entry.name}`} checked={chosen.has(entry.segment)} onChange={(_, data) => choose([entry.segment], !!data.checked)} /></td>
            <td title={entry.name}>{entry.isFolder ? <Link to={`${path}/${entry.segment}`}><FolderSign /> {entry.name}</Link> : entry.name}</td>
            <td>{entry.isFolder ? "–" : <span title={`${entry.size} bytes`}>{bytesOf(entry.size)}</span>}</td>
            <td className="wide"><Age at={entry.changed} ago /></td>
            <td className="end">{!entry.isFolder && <Button size="small" aria-label={`Download ${entry.name}`} onClick={() => save(entry)}>Download</Button>}</td>
          </tr>
        ))}</tbody>
      </table>
      {entries.length > count && <p className="center"><Button onClick={() => setCount(count + STEP)}>Show more of {entries.length}</Button></p>}
    </div>
  );
}

function NewFolder({ entries, onCreate, onClose }: { entries: Entry[]; onCreate: (name: string) => Promise<void>; onClose: () => void }) {
  const [name, setName] = useState("");
  const problem = /["\\/:|<>*?]/.test(name) ? 'A name has none of " \\ / : | < > * ?' : entries.some((entry) => entry.name.toLowerCase() === name.toLowerCase()) ? "This name is taken." : undefined;
  return (
    <FormDialog title="New folder" verb="Create" isReady={!!name.trim() && !problem && name !== "." && name !== ".."} onSubmit={() => onCreate(name)} onClose={onClose}>
      <Field label="Folder name" required validationMessage={problem} validationState={problem ? "error" : "none"}><Input value={name} autoComplete="off" onChange={(_, data) => setName(data.value)} /></Field>
    </FormDialog>
  );
}

function Uploads({ uploads, onClear }: { uploads: Upload[]; onClear: () => void }) {
  const isBusy = uploads.some((upload) => upload.state === "running" || upload.state === "waiting");
  useEffect(() => {
    if (!isBusy) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isBusy]);
  if (!uploads.length) return null;
  const words = { waiting: "waiting", running: "", done: "done", failed: "failed", stopped: "stopped" };
  return (
    <section className="card" aria-label="Uploads">
      <div className="bar"><h2>Uploads</h2><span className="grow" />{!isBusy && <Button size="small" onClick={onClear}>Clear</Button>}</div>
      {uploads.slice(-50).map((upload) => (
        <div className="upload" key={upload.id}>
          <span>{upload.name}</span>
          <span className="quiet">{bytesOf(upload.sent)} of {bytesOf(upload.size)} {words[upload.state]}</span>
          {upload.state === "running" || upload.state === "waiting" ? <Button size="small" aria-label={`Stop ${upload.name}`} onClick={upload.stop}>Stop</Button> : <span />}
          <ProgressBar aria-label={upload.name} value={upload.state === "done" ? 1 : upload.sent / (upload.size || 1)} color={upload.state === "failed" ? "error" : upload.state === "done" ? "success" : "brand"} />
          <Failure error={upload.error} title={`${upload.name} was not uploaded`} />
        </div>
      ))}
    </section>
  );
}
