import type { ReactNode } from "react";

/** A link to a place that is not the portal's. */
export const Outside = ({ href, children }: { href: string; children: ReactNode }) => <a href={href} target="_blank" rel="noreferrer">{children}</a>;
