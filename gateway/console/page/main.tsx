import { render, type VNode } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import type { Permission } from "../../access/permissions.ts";
import type { Me } from "../contract.ts";
import { Accounts } from "./accounts.tsx";
import { timeText } from "./age.ts";
import { ask, Refusal } from "./api.ts";
import { Board } from "./board.tsx";
import { Devices } from "./devices.tsx";
import { Feed } from "./feed.ts";
import { Link } from "./link.tsx";
import { Overview } from "./overview.tsx";
import { Security } from "./security.tsx";
import { SharedContext, texts } from "./shared.tsx";
import { SignIn } from "./sign-in.tsx";

/** Every page, who may see it, and what it is. */
const PAGES: readonly {
  readonly path: string;
  readonly name: keyof typeof texts.pages;
  readonly needs: Permission | null;
  readonly page: () => VNode;
}[] = [
  { path: "/overview", name: "overview", needs: "devices", page: Overview },
  { path: "/board", name: "board", needs: "values", page: Board },
  { path: "/devices", name: "devices", needs: "devices", page: Devices },
  { path: "/link", name: "link", needs: "link", page: Link },
  { path: "/security", name: "security", needs: "security", page: Security },
  { path: "/accounts", name: "accounts", needs: "accounts", page: Accounts },
];
const isKiosk = new URLSearchParams(location.search).has("kiosk");

function App(): VNode {
  const [me, setMe] = useState<Me | null | undefined>(undefined);
  const [path, setPath] = useState(location.pathname);
  const [, setTick] = useState(0);
  const refresh = async (): Promise<void> => {
    try {
      setMe(await ask<Me>("GET", "/api/me"));
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) {
        setMe(null);
      }
    }
  };
  const feed = useMemo(
    () =>
      new Feed(
        () => setTick((tick) => tick + 1),
        () => void refresh(),
      ),
    [],
  );
  useEffect(() => {
    void refresh();
    const moved = (): void => setPath(location.pathname);
    addEventListener("popstate", moved);
    // Ages grow also when nothing comes.
    const timer = setInterval(() => setTick((tick) => tick + 1), 1000);
    return () => {
      removeEventListener("popstate", moved);
      clearInterval(timer);
    };
  }, []);
  const isFirst = me?.firstAccount === true;
  useEffect(() => {
    if (isFirst && location.pathname === "/") {
      history.replaceState(null, "", "/accounts");
      setPath("/accounts");
    }
  }, [isFirst]);
  const name = me?.name;
  useEffect(() => {
    if (name === undefined) {
      feed.close();
      return;
    }
    feed.open();
  }, [name]);
  const leftMs = useIdle(me?.idleMs ?? null, refresh);
  if (me === undefined) {
    return <main class="plain">{texts.waitingForGateway}</main>;
  }
  if (me === null) {
    return <SignIn done={refresh} />;
  }
  const may = PAGES.filter(({ needs }) => needs === null || me.permissions.includes(needs));
  const shown = may.find((one) => one.path === path) ?? may[0];
  const go = (to: string): void => {
    history.pushState(null, "", to);
    setPath(to);
  };
  const Page = shown?.page;
  return (
    <SharedContext.Provider value={{ me, feed, refresh }}>
      {!isKiosk && (
        <header class="top">
          <span class="gateway">{me.gateway}</span>
          <nav>
            {may.map(({ path: to, name: word }) => (
              <a
                key={to}
                href={to}
                aria-current={to === shown?.path ? "page" : undefined}
                onClick={(event) => {
                  event.preventDefault();
                  go(to);
                }}
              >
                {texts.pages[word]}
              </a>
            ))}
            {me.permissions.includes("flow") && <a href="/flow/">{texts.pages.flow}</a>}
          </nav>
          <span class="person">
            {me.name}
            <span class="hint">{me.roles.map((role) => texts.roles[role]).join(", ")}</span>
          </span>
          <button
            type="button"
            onClick={() => void ask("POST", "/api/logout", {}).finally(refresh)}
          >
            {texts.signOut}
          </button>
        </header>
      )}
      {feed.lostAt !== null && (
        <p class="banner lost" role="status">
          {texts.noConnection(timeText(feed.lostAt, Date.now(), texts.language))}
        </p>
      )}
      {leftMs !== null && leftMs < WARN_MS && (
        <p class="banner" role="status">
          {texts.endsSoon(Math.max(0, Math.round(leftMs / 1000)))}{" "}
          <button type="button" onClick={() => void refresh()}>
            {texts.stay}
          </button>
        </p>
      )}
      {Page === undefined ? <main class="plain">{texts.noPage}</main> : <Page />}
    </SharedContext.Provider>
  );
}

/** Whoever uses the page stays signed in, and a wall screen that was opened as one too. Gives what is left. */
function useIdle(idleMs: number | null, refresh: () => Promise<void>): number | null {
  const [state] = useState({ usedAt: performance.now(), toldAt: performance.now() });
  useEffect(() => {
    const used = (): void => {
      state.usedAt = performance.now();
      if (state.usedAt - state.toldAt > TELL_MS) {
        state.toldAt = state.usedAt;
        void refresh();
      }
    };
    const events = ["pointerdown", "keydown", "wheel"];
    events.forEach((name) => addEventListener(name, used, { passive: true }));
    const wall = isKiosk ? setInterval(used, 2 * TELL_MS) : undefined;
    return () => {
      events.forEach((name) => removeEventListener(name, used));
      clearInterval(wall);
    };
  }, []);
  return idleMs === null ? null : idleMs - (performance.now() - state.toldAt);
}

const TELL_MS = 30_000;
const WARN_MS = 60_000;

document.documentElement.lang = texts.language;
document.documentElement.classList.toggle("kiosk", isKiosk);
const root = document.querySelector("#page");
if (root !== null) {
  render(<App />, root);
}
