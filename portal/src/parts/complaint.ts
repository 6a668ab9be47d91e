import { useEffect, useState } from "react";

/** What the daemon says against a name, or that it can be had; asked when typing rests. Of no name, nothing is asked. */
export function useComplaint(name: string, ask: (name: string) => Promise<string | undefined>): { complaint?: string; isFree: boolean } {
  const [found, set] = useState<{ name: string; message?: string }>();
  useEffect(() => {
    if (!name) return;
    let isCurrent = true;
    // Who may not ask is told when it matters.
    const timer = setTimeout(() => ask(name).then((message) => isCurrent && set({ name, message }), () => {}), 300);
    return () => { isCurrent = false; clearTimeout(timer); };
  }, [name]);
  const said = found?.name === name ? found : undefined;
  return { complaint: said?.message, isFree: !!said && !said.message };
}
