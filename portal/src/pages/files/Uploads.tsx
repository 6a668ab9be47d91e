import { Button, ProgressBar } from "@fluentui/react-components";
import { useEffect } from "react";
import { bytesOf } from "../../parts/format";
import { Failure } from "../../parts/show";
import type { Upload } from "./uploads";

/** What is on its way into a share, and what became of it. */
export function Uploads({ uploads, onClear }: { uploads: Upload[]; onClear: () => void }) {
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
