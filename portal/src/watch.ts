// Container groups as the daemon pushes them. One stream feeds the whole table; it is opened again
// when it ends, and says all anew then.
import { useEffect, useSyncExternalStore } from "react";
import { send, type Json } from "./api";

export interface Group {
  createdAt: string;
  group: Json;
}
export interface State {
  groups: Map<string, Group>;
  /** Whether all groups have been told. */
  isReady: boolean;
  /** Whether the stream is up. */
  isLive: boolean;
  error?: Error;
}

class Watch {
  state: State = { groups: new Map(), isReady: false, isLive: false };
  /** Changed in place; a copy is made for each repaint. */
  private groups = new Map<string, Group>();
  private listeners = new Set<() => void>();
  private abort?: AbortController;
  private frame = 0;

  constructor(private path: string) {}

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    if (!this.abort) void this.run((this.abort = new AbortController()));
    return () => {
      this.listeners.delete(listener);
      // Another page may take it over at once.
      setTimeout(() => this.listeners.size || (this.abort?.abort(), (this.abort = undefined)), 500);
    };
  };

  private set(change: Partial<State>) {
    this.state = { ...this.state, ...change };
    // Many changes are one repaint.
    this.frame ||= window.setTimeout(() => {
      this.frame = 0;
      this.state = { ...this.state, groups: new Map(this.groups) };
      this.listeners.forEach((listener) => listener());
    }, 30);
  }

  private async run(abort: AbortController) {
    for (let pause = 250; !abort.signal.aborted; pause = Math.min(pause * 2, 5000)) {
      try {
        const response = await send(this.path, { signal: abort.signal });
        pause = 250;
        this.set({ isLive: true, error: undefined });
        await this.read(response.body!.pipeThrough(new TextDecoderStream()));
        if (!abort.signal.aborted) this.set({ isLive: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        this.set({ isLive: false, error: error as Error });
      }
      await new Promise((done) => setTimeout(done, pause));
    }
  }

  private async read(stream: ReadableStream<string>) {
    const told = new Set<string>();
    let rest = "";
    for await (const text of stream as unknown as AsyncIterable<string>) {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) {
        const line = (name: string) =>
          block.split("\n").find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
        const [event, data] = [line("event"), line("data")];
        if (event && data) this.take(event, JSON.parse(data), told);
      }
    }
  }

  private take(event: string, data: Json, told: Set<string>) {
    if (event === "group") {
      this.groups.set(data.group.id, data);
      told.add(data.group.id);
    } else if (event === "gone") {
      this.groups.delete(data.id);
    } else if (event === "ready") {
      for (const id of this.groups.keys()) if (!told.has(id)) this.groups.delete(id);
      return this.set({ isReady: true });
    }
    this.set({});
  }
}

const all = new Watch("/wharf/v1/watch");
const single = new Map<string, Watch>();

/** All groups that the user may see. */
export const useGroups = () => useSyncExternalStore(all.subscribe, () => all.state);

/** One group with its events. */
export function useGroup(id: string) {
  if (!single.has(id)) single.set(id, new Watch(`/wharf/v1/watch?group=${encodeURIComponent(id)}`));
  useEffect(() => () => void single.delete(id), [id]);
  const watch = single.get(id)!;
  return useSyncExternalStore(watch.subscribe, () => watch.state);
}
