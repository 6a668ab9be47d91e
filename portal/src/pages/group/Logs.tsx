import { Button, Checkbox, SearchBox } from "@fluentui/react-components";
import { useEffect, useRef, useState } from "react";
import { get } from "../../api";
import { ApiError } from "../../connection";
import { Failure } from "../../parts/show";

/** How soon is looked again, in milliseconds; doubled while nothing new comes. */
const [SOON, LATE] = [1000, 8000];

export function Logs({ path, name }: { path: string; name: string }) {
  const [text, setText] = useState<string>();
  const [error, setError] = useState<Error>();
  const [search, setSearch] = useState("");
  const [isPaused, setPaused] = useState(false);
  const [hasTimes, setTimes] = useState(false);
  const [isBefore, setBefore] = useState(false);
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);

  useEffect(() => {
    if (isPaused) return;
    let timer = 0;
    let last: string | undefined;
    let pause = SOON;
    let isOver = false;
    const look = async () => {
      if (document.visibilityState === "visible") {
        try {
          const { content } = await get(`${path}?tail=2000&timestamps=${hasTimes}${isBefore ? "&previous=true" : ""}`);
          pause = content === last ? Math.min(pause * 2, LATE) : SOON;
          last = content;
          if (!isOver) setText(content), setError(undefined);
        } catch (error) {
          // Not started yet, or the daemon is being restarted.
          const isQuiet = error instanceof ApiError && [0, 404, 409].includes(error.status);
          if (!isOver && !isQuiet) setError(error as Error);
        }
      }
      if (!isOver) timer = window.setTimeout(look, pause);
    };
    void look();
    return () => { isOver = true; clearTimeout(timer); };
  }, [path, isPaused, hasTimes, isBefore]);

  useEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);

  const word = search.toLowerCase();
  const lines = (text ?? "").split("\n").filter((line) => line.toLowerCase().includes(word));
  return (
    <>
      <div className="bar">
        <SearchBox placeholder="Search" aria-label="Search in the log" value={search} onChange={(_, data) => setSearch(data.value)} />
        <Checkbox label="Of the run before" checked={isBefore} onChange={(_, data) => { setText(undefined); setPaused(false); setBefore(!!data.checked); }} />
        <Checkbox label="Times" checked={hasTimes} onChange={(_, data) => setTimes(!!data.checked)} />
        <Button onClick={() => setPaused(!isPaused)}>{isPaused ? "Go on" : "Pause"}</Button>
      </div>
      <Failure error={error} />
      <pre className="log" ref={box} tabIndex={0} role="log" aria-label={`Log of ${name}`}
        onScroll={({ currentTarget: c }) => (isAtEnd.current = c.scrollHeight - c.scrollTop - c.clientHeight < 40)}>
        {text === undefined ? "No log yet." : word ? lines.map((line, index) => <div key={index}>{mark(line, word)}</div>) : text}
      </pre>
    </>
  );
}

function mark(line: string, word: string) {
  const at = line.toLowerCase().indexOf(word);
  return at < 0 ? line : <>{line.slice(0, at)}<mark>{line.slice(at, at + word.length)}</mark>{line.slice(at + word.length)}</>;
}
