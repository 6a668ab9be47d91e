import { Badge, Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Spinner } from "@fluentui/react-components";
import { useEffect, useState, type ReactNode } from "react";
import type { Json } from "../api";

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
    <Dialog open onOpenChange={(_, data) => data.open || onClose()}>
      <DialogSurface>
        <form onSubmit={(event) => { event.preventDefault(); if (text === word) { onDelete(); onClose(); } }}>
          <DialogBody>
            <DialogTitle>Delete {names.length === 1 ? names[0] : `${names.length} ${what}`}?</DialogTitle>
            <DialogContent>
              <p>{told} This cannot be undone.</p>
              <Field label={names.length === 1 ? `Type the name ${word} to confirm` : `Type the number ${word} to confirm`}>
                <Input value={text} onChange={(_, data) => setText(data.value)} autoComplete="off" />
              </Field>
            </DialogContent>
            <DialogActions>
              <Button appearance="primary" type="submit" disabled={text !== word}>Delete</Button>
              <Button onClick={onClose}>Cancel</Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
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
    <Dialog open onOpenChange={(_, data) => data.open || onClose()}>
      <DialogSurface>
        <form onSubmit={(event) => { event.preventDefault(); if (isReady && !isBusy) void submit(); }}>
          <DialogBody>
            <DialogTitle>{title}</DialogTitle>
            <DialogContent className="form"><Failure error={failure} />{children}</DialogContent>
            <DialogActions>
              <Button appearance="primary" type="submit" disabled={!isReady || isBusy}>{verb}</Button>
              <Button onClick={onClose}>Cancel</Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
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
