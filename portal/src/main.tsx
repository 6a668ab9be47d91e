import { Button, FluentProvider, MessageBar, MessageBarBody, webDarkTheme, webLightTheme } from "@fluentui/react-components";
import { Component, Suspense, useEffect, useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { signOut, start } from "./auth";
import { Empty, Failure, Loading } from "./parts/show";
import { Overview } from "./pages/overview/Overview";
import { later, Link, usePath } from "./router";
import { useGroups } from "./watch";
import "./style.css";

const GroupPage = later(() => import("./pages/group/Group"));
const Create = later(() => import("./pages/create/Create"));
const Images = later(() => import("./pages/Images"));
const Registries = later(() => import("./pages/Registries"));
const Registry = later(() => import("./pages/Registry"));
const Files = later(() => import("./pages/files/Files"));
const Folder = later(() => import("./pages/files/Folder"));
const Networks = later(() => import("./pages/Networks"));
const Access = later(() => import("./pages/Access"));
const Activity = later(() => import("./pages/Activity"));
const Health = later(() => import("./pages/Health"));

const PAGES = [["/", "Container groups"], ["/images", "Images"], ["/registries", "Registries"], ["/files", "File shares"], ["/networks", "Virtual networks"], ["/access", "Access control"], ["/activity", "Activity log"], ["/health", "Settings and health"]];

function Page({ path }: { path: string }) {
  const raw = path.split("/").filter(Boolean);
  // Names of files need not be UTF-8 there.
  if (raw[0] === "files" && raw.length > 3) return <Folder rg={raw[1]} account={raw[2]} share={raw[3]} folder={raw.slice(4)} />;
  const parts = raw.map(decodeURIComponent);
  if (!parts.length) return <Overview />;
  if (parts[0] === "create") return <Create />;
  if (parts[0] === "images") return <Images />;
  if (parts[0] === "registries") return parts.length > 2 ? <Registry key={path} rg={parts[1]} name={parts[2]} /> : <Registries />;
  if (parts[0] === "files") return <Files />;
  if (parts[0] === "networks") return <Networks />;
  if (parts[0] === "access") return <Access />;
  if (parts[0] === "activity") return <Activity />;
  if (parts[0] === "health") return <Health />;
  if (parts[0] === "groups" && parts.length >= 3) {
    return <GroupPage key={path} rg={parts[1]} name={parts[2]} />;
  }
  return <Empty title="There is no such page"><Link to="/">All container groups</Link></Empty>;
}

/** A fault of a page leaves the rest of the portal usable. */
class Guard extends Component<{ children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  render() {
    return this.state.error ? <Failure error={this.state.error} title="This page failed" /> : this.props.children;
  }
}

function App({ user }: { user: string }) {
  const path = usePath();
  const { isLive, error } = useGroups();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const [isDark, setDark] = useState(() => (localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light")) === "dark");
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    // A blink is nothing to tell about.
    const timer = setTimeout(() => setLate(!isLive), isLive ? 0 : 1500);
    return () => clearTimeout(timer);
  }, [isLive]);
  useEffect(() => void (document.documentElement.style.colorScheme = isDark ? "dark" : "light"), [isDark]);
  const isAt = (to: string) => (to === "/" ? path === "/" || /^\/(groups|create)/.test(path) : path === to || path.startsWith(`${to}/`));
  return (
    <FluentProvider theme={isDark ? webDarkTheme : webLightTheme} className="app">
      <header className="top">
        <Link to="/" className="brand"><img src="/portal/icon.svg" alt="" />Wharf</Link>
        <span className="user" title={user}>{user}</span>
        <Button size="small" appearance="subtle" onClick={() => {
          localStorage.setItem("theme", isDark ? "light" : "dark");
          setDark(!isDark);
        }}>{isDark ? "Light" : "Dark"}</Button>
        <Button size="small" appearance="subtle" onClick={signOut}>Sign out</Button>
      </header>
      <nav className="pages" aria-label="Main">
        {PAGES.map(([to, title]) => (
          <Link key={to} to={to} aria-current={isAt(to) ? "page" : undefined}>{title}</Link>
        ))}
      </nav>
      <main>
        {isLate && !isLive && (
          <MessageBar intent="warning"><MessageBarBody>
            {error?.message ?? "The connection to Wharf was lost."} What is shown may be old; trying again…
          </MessageBarBody></MessageBar>
        )}
        <Guard key={path}><Suspense fallback={<Loading what="page" />}><Page path={path} /></Suspense></Guard>
      </main>
    </FluentProvider>
  );
}

const root = createRoot(document.getElementById("root")!);
start().then(
  (user) => root.render(<App user={user} />),
  (error) => root.render(<FluentProvider theme={webLightTheme}><Failure error={error} /></FluentProvider>),
);
