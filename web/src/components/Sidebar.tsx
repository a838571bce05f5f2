// The list of threads. On a phone it is a drawer over the conversation.

import type { Thread, ThreadList } from "netra-client";
import { useEffect, useRef, useState } from "react";
import { ago } from "../state/words.ts";
import { Icon, Mark } from "./Icon.tsx";

interface SidebarProps {
  list: ThreadList;
  selected: string | null;
  email: string;
  open: boolean;
  select: (threadId: string | null) => void;
  more: () => void;
  close: () => void;
  logout: () => void;
}

export function Sidebar({ list, selected, email, open, select, more, close, logout }: SidebarProps) {
  const first = useRef<HTMLButtonElement>(null);
  const now = useMinute();
  useEffect(() => {
    if (!open) return;
    first.current?.focus();
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && close();
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [open, close]);
  const shown = list.threads.filter(({ archived }) => !archived);
  return (
    <>
      <div className="scrim" onClick={close} aria-hidden="true" />
      <nav className="sidebar" aria-label="Conversations">
        <div className="brand">
          <Mark />
          <span>Netra</span>
          <button type="button" className="quiet only-phone" onClick={close} aria-label="Close the list">
            <Icon name="close" />
          </button>
        </div>
        <button ref={first} data-testid="new-thread" type="button" className="new-thread" onClick={() => select(null)}>
          <Icon name="plus" /> New conversation
        </button>
        <ul className="threads" data-testid="thread-list" aria-busy={!list.loaded}>
          {shown.map((thread) => (
            <Row key={thread.id} thread={thread} selected={thread.id === selected} now={now} select={select} />
          ))}
          {list.loaded && shown.length === 0 && <li className="faint nothing">Your conversations will stand here.</li>}
          {list.hasMore && (
            <li>
              <button type="button" className="quiet wide" onClick={more}>
                Show older
              </button>
            </li>
          )}
        </ul>
        <div className="account">
          <span className="avatar" aria-hidden="true">{email.slice(0, 1).toUpperCase()}</span>
          <span className="email" title={email}>{email}</span>
          <button data-testid="logout" type="button" className="quiet" onClick={logout} aria-label="Log out" title="Log out">
            <Icon name="logout" />
          </button>
        </div>
      </nav>
    </>
  );
}

interface RowProps {
  thread: Thread;
  selected: boolean;
  now: number;
  select: (threadId: string) => void;
}

function Row({ thread, selected, now, select }: RowProps) {
  return (
    <li>
      <button
        data-testid="thread-item" data-thread-id={thread.id} type="button" className="thread"
        aria-current={selected ? "page" : undefined} onClick={() => select(thread.id)}
      >
        <span className="thread-title">{thread.title || "Untitled"}</span>
        <time dateTime={thread.updated_at}>{ago(thread.updated_at, now)}</time>
      </button>
    </li>
  );
}

/** The time, renewed every minute for the ages in the list. */
function useMinute(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
