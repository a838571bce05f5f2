// The line above the conversation: its title, the state of the connection, the theme.

import type { ConnectionState } from "netra-client";
import { useEffect, useState, type RefObject } from "react";
import { isDark, rememberTheme, storedTheme } from "../state/theme.ts";
import { Icon } from "./Icon.tsx";

interface HeaderProps {
  title: string;
  connection: ConnectionState;
  menu: RefObject<HTMLButtonElement | null>;
  drawer: boolean;
  openDrawer: () => void;
  newThread: () => void;
}

const WORDS = { connected: "Connected", connecting: "Connecting", reconnecting: "Reconnecting", offline: "Offline" };

export function Header({ title, connection, menu, drawer, openDrawer, newThread }: HeaderProps) {
  return (
    <header className="header">
      <button ref={menu} type="button" className="quiet only-phone" onClick={openDrawer} aria-label="Conversations" aria-expanded={drawer}>
        <Icon name="menu" />
      </button>
      <h1 title={title}>{title || "New conversation"}</h1>
      <span className="connection" data-testid="connection-state" data-state={connection.status} role="status">
        <span className="dot" aria-hidden="true" />
        <span className="label">{WORDS[connection.status]}</span>
      </span>
      <ThemeToggle />
      <button type="button" className="quiet only-phone" onClick={newThread} aria-label="New conversation">
        <Icon name="plus" />
      </button>
    </header>
  );
}

function ThemeToggle() {
  const [dark, setDark] = useState(() => isDark(storedTheme()));
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const look = () => setDark(isDark(storedTheme()));
    system.addEventListener("change", look);
    return () => system.removeEventListener("change", look);
  }, []);
  const toggle = () => {
    rememberTheme(dark ? "light" : "dark");
    setDark(!dark);
  };
  return (
    <button type="button" className="quiet" onClick={toggle} aria-label={dark ? "Use the light theme" : "Use the dark theme"}>
      <Icon name={dark ? "sun" : "moon"} />
    </button>
  );
}
