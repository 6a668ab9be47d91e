import { Fragment, type ReactNode } from "react";

/** What something is, term by term. */
export const Facts = ({ facts }: { facts: [string, ReactNode][] }) => (
  <dl className="facts">{facts.map(([title, value]) => <Fragment key={title}><dt>{title}</dt><dd>{value}</dd></Fragment>)}</dl>
);
