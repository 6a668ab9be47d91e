import { Badge, MessageBar, MessageBarBody, MessageBarTitle, Spinner } from "@fluentui/react-components";
import { useEffect, useState, type ReactNode } from "react";
import { ApiError } from "../connection";

const COLORS: Record<string, "success" | "warning" | "danger" | "informative" | "brand"> = {
  Running: "success", Succeeded: "success", Failed: "danger", Stopped: "informative",
  Pending: "warning", Waiting: "warning", Repairing: "warning", Terminated: "informative",
};

export const State = ({ state }: { state?: string }) => (
  <Badge appearance="tint" color={COLORS[state ?? ""] ?? "brand"}>{state || "Pending"}</Badge>
);

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

const isForbidden = (error: Error) => error instanceof ApiError && error.status === 403 && error.code !== "NoRole";

export const Failure = ({ error, title }: { error?: Error; title?: string }) =>
  error ? (
    <MessageBar intent="error" layout="multiline" role="alert">
      <MessageBarBody><MessageBarTitle>{isForbidden(error) ? "Your roles do not allow this" : (title ?? "This did not work")}</MessageBarTitle>{error.message}</MessageBarBody>
    </MessageBar>
  ) : null;

export const Loading = ({ what }: { what: string }) => <div className="center"><Spinner label={`Loading ${what}…`} /></div>;

export const Empty = ({ title, children }: { title: string; children?: ReactNode }) => (
  <div className="center"><h2>{title}</h2>{children}</div>
);
