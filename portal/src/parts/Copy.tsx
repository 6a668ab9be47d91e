import { Button } from "@fluentui/react-components";
import { useEffect, useState } from "react";

/** Puts a text on the clipboard. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setDone(false), 2000);
    return () => clearTimeout(timer);
  }, [isDone]);
  return <Button size="small" aria-label={`Copy ${label}`} onClick={() => navigator.clipboard.writeText(text).then(() => setDone(true))}>{isDone ? "Copied" : "Copy"}</Button>;
}
