import { Button, Field, Input } from "@fluentui/react-components";
import { useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { useAct } from "./act";
import { Failure } from "./show";

interface ModalProps {
  title: string;
  onSubmit?: () => void;
  onClose: () => void;
  children: ReactNode;
  actions?: ReactNode;
  /** What the button says that closes it. */
  close?: string;
}

/** The browser's own dialog: it keeps the focus and gives it back. Fluent UI's leaves the page hidden from
 *  screen readers when it is taken away while it is open. */
export function Modal({ title, onSubmit, onClose, children, actions, close = "Cancel" }: ModalProps) {
  const own = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = own.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog ref={own} className="modal" aria-label={title} onCancel={(event) => { event.preventDefault(); onClose(); }}>
      <form className="form" onSubmit={(event) => { event.preventDefault(); onSubmit?.(); }}>
        <h2>{title}</h2>
        {children}
        <div className="bar">{actions}<Button onClick={onClose}>{close}</Button></div>
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
  const { failure, isBusy, act } = useAct();
  return (
    <Modal title={title} onClose={onClose} onSubmit={() => { if (isReady && !isBusy) act(onSubmit(), onClose); }}
      actions={<Button appearance="primary" type="submit" disabled={!isReady || isBusy}>{verb}</Button>}>
      <Failure error={failure} />
      {children}
    </Modal>
  );
}
