// Files on their way into a share, one after the other.
import { useEffect, useRef, useState } from "react";
import type { Share } from "../../files";

/** A file to be uploaded, with its folders below the one that is shown. */
export interface Wanted {
  path: string[];
  file: File;
}
export interface Upload {
  id: number;
  name: string;
  size: number;
  sent: number;
  state: "waiting" | "running" | "done" | "failed" | "stopped";
  error?: Error;
  stop: () => void;
}

export const picked = (files: FileList): Wanted[] => [...files].map((file) => ({ path: [file.name], file }));

/** What was dropped, folders with all that is in them. */
export async function dropped(data: DataTransfer): Promise<Wanted[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry());
  const files = picked(data.files);
  if (entries.some((entry) => !entry)) return files;
  const found = await Promise.all(entries.map((entry) => walk(entry!, [])));
  return found.flat();
}

async function walk(entry: FileSystemEntry, above: string[]): Promise<Wanted[]> {
  const path = [...above, entry.name];
  if (entry.isFile) return [{ path, file: await new Promise<File>((done, no) => (entry as FileSystemFileEntry).file(done, no)) }];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Wanted[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, no) => reader.readEntries(done, no));
    if (!some.length) return found;
    for (const child of some) found.push(...(await walk(child, path)));
  }
}

let last = 0;

export function useUploads(share: Share, folder: string[], onDone: () => void) {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const queue = useRef(Promise.resolve());
  const stops = useRef(new Set<AbortController>());
  // Leaving the folder ends them.
  useEffect(() => () => stops.current.forEach((stop) => stop.abort()), []);
  const change = (id: number, part: Partial<Upload>) => setUploads((old) => old.map((upload) => (upload.id === id ? { ...upload, ...part } : upload)));

  const run = async (id: number, { path, file }: Wanted, made: Set<string>, abort: AbortController) => {
    if (abort.signal.aborted) return;
    change(id, { state: "running" });
    try {
      const segments = path.map(encodeURIComponent);
      for (let depth = 1; depth < segments.length; depth += 1) await makeOnce(share, [...folder, ...segments.slice(0, depth)], made, abort.signal);
      await share.upload([...folder, ...segments], file, abort.signal, (sent) => change(id, { sent }));
      change(id, { state: "done" });
    } catch (error) {
      change(id, abort.signal.aborted ? { state: "stopped" } : { state: "failed", error: error as Error });
    }
    stops.current.delete(abort);
  };
  const begin = (wanted: Wanted[]) => {
    const made = new Set<string>();
    for (const one of wanted) {
      const [id, abort] = [(last += 1), new AbortController()];
      stops.current.add(abort);
      const stop = () => { abort.abort(); change(id, { state: "stopped" }); };
      setUploads((old) => [...old, { id, name: one.path.join("/"), size: one.file.size, sent: 0, state: "waiting", stop }]);
      queue.current = queue.current.then(() => run(id, one, made, abort));
    }
    queue.current = queue.current.then(onDone);
  };
  return { uploads, begin, clear: () => setUploads([]) };
}

async function makeOnce(share: Share, path: string[], made: Set<string>, signal: AbortSignal) {
  const name = path.join("/");
  if (made.has(name)) return;
  await share.makeFolder(path, signal).catch((error) => {
    if (error.code !== "ResourceAlreadyExists") throw error;
  });
  made.add(name);
}
