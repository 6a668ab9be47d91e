import { Badge, Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Select, Spinner } from "@fluentui/react-components";
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { call, get, home, useAsync, type Json } from "../api";

const COLORS: Record<string, "success" | "warning" | "danger" | "informative" | "brand"> = {
  Running: "success", Succeeded: "success", Failed: "danger", Stopped: "informative",
  Pending: "warning", Waiting: "warning", Repairing: "warning", Terminated: "informative",
};

export const State = ({ state }: { state?: string }) => (
  <Badge appearance="tint" color={COLORS[state ?? ""] ?? "brand"}>{state || "Pending"}</Badge>
);

export const stateOf = (group: Json): string =>
  group.properties.instanceView?.state || group.properties.provisioningState;

/** How long ago, with the exact local time on hover. */
export function Age({ at, ago }: { at?: string; ago?: boolean }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  if (!at) return <>–</>;
  const seconds = Math.max(0, (now - Date.parse(at)) / 1000);
  const [count, unit] =
    seconds < 60 ? [seconds, "s"] : seconds < 3600 ? [seconds / 60, "min"]
    : seconds < 172_800 ? [seconds / 3600, "h"] : [seconds / 86_400, "d"];
  return (
    <time dateTime={at} title={new Date(at).toLocaleString(undefined, { timeStyle: "long", dateStyle: "medium" })}>
      {Math.floor(count)} {unit}{ago ? " ago" : ""}
    </time>
  );
}

export const Failure = ({ error, title }: { error?: Error; title?: string }) =>
  error ? (
    <MessageBar intent="error" layout="multiline" role="alert">
      <MessageBarBody><MessageBarTitle>{title ?? "This did not work"}</MessageBarTitle>{error.message}</MessageBarBody>
    </MessageBar>
  ) : null;

export const Loading = ({ what }: { what: string }) => <div className="center"><Spinner label={`Loading ${what}…`} /></div>;

export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="center"><h2>{title}</h2>{children}</div>
);

/** The browser's own dialog: it keeps the focus and gives it back. Fluent UI's leaves the page hidden from
 *  screen readers when it is taken away while it is open. */
function Modal({ title, onSubmit, onClose, children, actions }: { title: string; onSubmit: () => void; onClose: () => void; children: ReactNode; actions: ReactNode }) {
  const own = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = own.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog ref={own} className="modal" aria-label={title} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>
        <h2>{title}</h2>
        {children}
        <div className="bar">{actions}<Button onClick={onClose}>Cancel</Button></div>
      </form>
    </dialog>
  );
}

interface Deletion {
  names: string[];
  /** What they are, several of them. */
  what?: string;
  /** What goes with them. */
  loss?: string;
  onDelete: () => void;
  onClose: () => void;
}

/** Asks for the name of what is to be deleted; for several, for their number. */
export function ConfirmDelete({ names, what = "container groups", loss, onDelete, onClose }: Deletion) {
  const [text, setText] = useState("");
  const word = names.length === 1 ? names[0] : String(names.length);
  const told = loss ?? `Containers, logs and volumes of ${names.length === 1 ? "the group" : names.join(", ")} are deleted.`;
  return (
    <Modal title={`Delete ${names.length === 1 ? names[0] : `${names.length} ${what}`}?`} onClose={onClose}
      onSubmit={() => { if (text === word) { onDelete(); onClose(); } }}
      actions={<Button appearance="primary" type="submit" disabled={text !== word}>Delete</Button>}>
      <p>{told} This cannot be undone.</p>
      <Field label={names.length === 1 ? `Type the name ${word} to confirm` : `Type the number ${word} to confirm`}>
        <Input value={text} onChange={(_, data) => setText(data.value)} autoComplete="off" />
      </Field>
    </Modal>
  );
}

interface FormProps {
  title: string;
  verb: string;
  isReady: boolean;
  children: ReactNode;
  /** Closes the dialog when it succeeds, and is told there when not. */
  onSubmit: () => Promise<unknown>;
  onClose: () => void;
}

/** A dialog that asks for something and does it. */
export function FormDialog({ title, verb, isReady, children, onSubmit, onClose }: FormProps) {
  const [failure, setFailure] = useState<Error>();
  const [isBusy, setBusy] = useState(false);
  const submit = async () => {
    setFailure(undefined);
    setBusy(true);
    try {
      await onSubmit();
      onClose();
    } catch (error) {
      setFailure(error as Error);
      setBusy(false);
    }
  };
  return (
    <Modal title={title} onClose={onClose} onSubmit={() => { if (isReady && !isBusy) void submit(); }}
      actions={<Button appearance="primary" type="submit" disabled={!isReady || isBusy}>{verb}</Button>}>
      <Failure error={failure} />
      {children}
    </Modal>
  );
}

const NEW = "(new)";

/** Which resource group something shall be in, one that there is or a new one. */
export function useResourceGroup() {
  const { value: known } = useAsync("rgs", async () => {
    const { id, location } = await home();
    return { id, location, rgs: (await get(`${id}/resourceGroups`)).value.map((rg: Json) => rg.name) as string[] };
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

/** A number of bytes as people read it. */
export function bytesOf(count: number): string {
  const unit = count < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(count) / 10));
  return unit ? `${(count / 2 ** (10 * unit)).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][unit]}` : `${count} B`;
}

/** What a group is made of, in short. */
export function sizeOf(group: Json) {
  const all = group.properties.containers.map((c: Json) => c.properties.resources?.requests ?? {});
  const sum = (name: string) => all.reduce((n: number, r: Json) => n + (r[name] ?? 0), 0);
  return { cpu: sum("cpu"), memory: sum("memoryInGB") };
}

/** Where a group's site is, if it has a port that looks like one. */
export function siteOf(group: Json): string | undefined {
  const { ip, ports } = group.properties.ipAddress ?? {};
  const tcp = (ports ?? []).filter((p: Json) => (p.protocol ?? "TCP") === "TCP").map((p: Json) => p.port);
  const port = tcp.includes(80) ? 80 : tcp.includes(443) ? 443 : tcp[0];
  if (!ip || !port) return undefined;
  return port === 443 ? `https://${ip}/` : `http://${ip}${port === 80 ? "" : `:${port}`}/`;
}
