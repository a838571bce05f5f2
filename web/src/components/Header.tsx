// The line above the conversation: its title, the state of the connection, the theme.

import type { ConnectionState } from "netra-client";
import type { RefObject } from "react";
import { Icon } from "./Icon.tsx";
import { ThemeToggle } from "./ThemeToggle.tsx";

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
