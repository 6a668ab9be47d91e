import { Button, Field, Input } from "@fluentui/react-components";
import { FitAddon } from "@xterm/addon-fit";
import { Terminal as XTerm } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { useEffect, useRef, useState } from "react";
import { call } from "../../api";
import { insist } from "../../connection";
import { Failure } from "../../parts/show";

const opened = (socket: WebSocket) =>
  new Promise<WebSocket>((done, no) => {
    socket.binaryType = "arraybuffer";
    socket.onopen = () => done(socket);
    socket.onerror = () => no(new TypeError("The connection broke off."));
  });

/** A shell in a container over the WebSocket that `exec` gives out. */
export default function Terminal({ path, isRunning }: { path: string; isRunning: boolean }) {
  const [command, setCommand] = useState("/bin/sh");
  const [isOpen, setOpen] = useState(false);
  const [ended, setEnded] = useState<string>();
  const [error, setError] = useState<Error>();
  const box = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!isOpen) return;
    const terminal = new XTerm({ cursorBlink: true, screenReaderMode: true, fontSize: 14, theme: { background: "#1b1a19" } });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(box.current!);
    fit.fit();
    terminal.focus();
    let socket: WebSocket | undefined;
    let isOver = false;
    let end = "The session has ended.";
    const connect = () => insist(async () => {
      const size = { rows: terminal.rows, cols: terminal.cols };
      const { webSocketUri, password } = await call("POST", path, { command, terminalSize: size });
      if (isOver) return;
      socket = await opened(new WebSocket(webSocketUri, "wharf.exec.v1"));
      if (isOver) return socket.close();
      socket.send(password);
      socket.onmessage = ({ data }) => {
        // Binary messages begin with the number of the stream.
        if (data instanceof ArrayBuffer) return terminal.write(new Uint8Array(data, 1));
        const { exit } = JSON.parse(data);
        if (exit) end = exit.message ?? `The command has ended with exit code ${exit.code}.`;
      };
      socket.onclose = () => { if (!isOver) setEnded(end); setOpen(false); };
    });
    const send = (message: string | Uint8Array<ArrayBuffer>) => socket?.readyState === WebSocket.OPEN && socket.send(message);
    terminal.onData((text) => send(new TextEncoder().encode(text)));
    terminal.onResize(({ rows, cols }) => send(JSON.stringify({ resize: { rows, cols } })));
    const observer = new ResizeObserver(() => fit.fit());
    observer.observe(box.current!);
    connect().catch((error) => { setError(error); setOpen(false); });
    return () => { isOver = true; observer.disconnect(); socket?.close(); terminal.dispose(); };
  }, [isOpen]);

  return (
    <>
      <form className="line" onSubmit={(event) => { event.preventDefault(); setError(undefined); setEnded(undefined); setOpen(!isOpen); }}>
        <Field label="Command"><Input value={command} disabled={isOpen} onChange={(_, data) => setCommand(data.value)} /></Field>
        <Button type="submit" appearance="primary" disabled={!isRunning && !isOpen}>{isOpen ? "Disconnect" : "Connect"}</Button>
      </form>
      {!isRunning && <p>The group does not run; start it to connect.</p>}
      {ended && <p role="status">{ended}</p>}
      <Failure error={error} />
      {isOpen && <div className="term" ref={box} />}
    </>
  );
}
