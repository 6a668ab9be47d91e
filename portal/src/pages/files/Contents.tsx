import { Button } from "@fluentui/react-components";
import { useRef, useState, type DragEvent } from "react";
import { useAsync, useDataPermissions } from "../../api";
import { ApiError } from "../../connection";
import { FILES, type Entry, type Share } from "../../files";
import { ConfirmDelete, FormDialog } from "../../parts/dialogs";
import { Empty, Failure, Loading } from "../../parts/show";
import { Entries } from "./Entries";
import { NameDialog } from "./NameDialog";
import { pathOf, type Place } from "./place";
import { Uploads } from "./Uploads";
import { dropped, picked, useUploads, type Wanted } from "./uploads";

interface Props extends Omit<Place, "share"> {
  /** The account's. */
  id: string;
  share: Share;
}

/** What is in a folder, and what can be done with it. */
export function Contents({ share, id, ...place }: Props) {
  const { folder } = place;
  const { value, error, reload } = useAsync(`${place.account}/${share.share}/${folder.join("/")}`, () => share.list(folder));
  const may = useDataPermissions(id);
  const canWrite = share.hasKey || may(`${FILES}/write`);
  const canDelete = share.hasKey || may(`${FILES}/delete`);
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
    setFailure(undefined);
    try {
      const link = document.createElement("a");
      link.href = await share.link([...folder, entry.segment]);
      link.download = entry.name;
      link.click();
    } catch (error) {
      setFailure(error as Error);
    }
  };
  const drag = (isOn: boolean) => (event: DragEvent) => {
    event.preventDefault();
    setOver(isOn);
  };
  const drop = async (event: DragEvent) => {
    drag(false)(event);
    if (canWrite) await dropped(event.dataTransfer).then(take, setFailure);
  };
  if (!share.hasKey && error instanceof ApiError && error.status === 403) return <Refused account={place.account} />;
  return (
    <>
      <div className="bar">
        {canWrite && <Button appearance="primary" onClick={() => input.current?.click()}>Upload</Button>}
        <input ref={input} type="file" multiple hidden aria-label="Files to upload" onChange={(event) => { take(picked(event.target.files!)); event.target.value = ""; }} />
        {canWrite && <Button onClick={() => setAsked("folder")}>New folder</Button>}
        {canWrite && canDelete && <Button disabled={doomed.length !== 1 || isBusy} onClick={() => setAsked("rename")}>Rename</Button>}
        {canDelete && <Button disabled={!doomed.length || isBusy} onClick={() => setAsked("delete")}>{isBusy ? "Deleting…" : "Delete"}</Button>}
        <Button onClick={reload}>Refresh</Button>
      </div>
      <Failure error={failure} />
      <Failure error={error} title="This folder cannot be shown" />
      <Uploads uploads={uploads} onClear={clear} />
      {!value && !error && <Loading what="files" />}
      {value && (
        <div className={isOver ? "drop over" : "drop"} onDragOver={drag(true)} onDragLeave={drag(false)} onDrop={drop}>
          {entries.length ? <Entries {...{ entries, chosen, setChosen, save }} isChoosing={canDelete} path={pathOf({ ...place, share: share.share })} /> : <Empty title="Nothing in here">{canWrite && <p>Drop files here, or choose Upload.</p>}</Empty>}
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

const Refused = ({ account }: { account: string }) => (
  <Empty title="You may not open this share">
    <p>The portal opens shares with a key of the storage account, or as you. Your roles do not let you have the keys of {account}, and you have no role on what is in it.</p>
    <p>Ask an owner for <code>Storage File Data Privileged Reader</code> or <code>Contributor</code> there.</p>
  </Empty>
);
