// Places within the page are paths below /portal.
import { lazy, useSyncExternalStore, type AnchorHTMLAttributes, type ComponentType } from "react";
import { insist } from "./connection";

const BASE = "/portal";
const subscribe = (listener: () => void) => {
  addEventListener("popstate", listener);
  return () => removeEventListener("popstate", listener);
};

export const usePath = () =>
  useSyncExternalStore(subscribe, () => location.pathname.slice(BASE.length).replace(/\/$/, "") || "/");

export function go(path: string) {
  history.pushState(null, "", BASE + path);
  dispatchEvent(new PopStateEvent("popstate"));
  window.scrollTo(0, 0);
}

export function Link({ to, ...rest }: { to: string } & AnchorHTMLAttributes<HTMLAnchorElement>) {
  return (
    <a
      {...rest}
      href={BASE + to}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        event.preventDefault();
        go(to);
      }}
    />
  );
}

/** A part that is loaded when it is first shown. */
export const later = <P,>(load: () => Promise<{ default: ComponentType<P> }>) => lazy(() => insist(load));
