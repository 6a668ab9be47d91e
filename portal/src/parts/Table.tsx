import type { ReactNode } from "react";
import { Failure, Loading } from "./show";

interface TableProps {
  label: string;
  /** Cells of the head; those of class `wide` go on a phone. */
  head: ReactNode;
  children: ReactNode;
}

/** A table that scrolls within itself. */
export const Table = ({ label, head, children }: TableProps) => (
  <div className="table" tabIndex={0} role="region" aria-label={label}>
    <table>
      <thead><tr>{head}</tr></thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);

/** The head of a column of buttons. */
export const Actions = () => <th><span className="unseen">Actions</span></th>;

interface ListedProps<T> {
  value?: T[];
  error?: Error;
  what: string;
  empty: ReactNode;
  children: (list: T[]) => ReactNode;
}

/** A list: on its way, refused, empty, or there. */
export function Listed<T>({ value, error, what, empty, children }: ListedProps<T>) {
  if (error) return <Failure error={error} />;
  if (!value) return <Loading what={what} />;
  return value.length ? children(value) : empty;
}
