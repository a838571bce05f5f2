// The page of a logged-in person: threads at the side, the conversation, what the connection does.

import { useCallback, useEffect, useRef, useState } from "react";
import type { User } from "./api/auth.ts";
import { ConnectionBanner } from "./components/ConnectionBanner.tsx";
import { ConversationView } from "./components/ConversationView.tsx";
import { Header } from "./components/Header.tsx";
import { Notices } from "./components/Notices.tsx";
import { Sidebar } from "./components/Sidebar.tsx";
import { useAddress } from "./hooks/useAddress.ts";
import { useLoginWatch } from "./hooks/useLoginWatch.ts";
import { useStore } from "./hooks/useStore.ts";
import { useWake } from "./hooks/useWake.ts";
import { currentRun, newConversation } from "./state/conversation.ts";
import { Drafts } from "./state/drafts.ts";
import { Session } from "./state/session.ts";
import "./styles/layout.css";
import "./styles/sidebar.css";
import "./styles/composer.css";
import "./styles/empty.css";
import "./styles/messages.css";
import "./styles/steps.css";
import "./styles/markdown.css";

interface ChatProps {
  user: User;
  expired: () => void;
  leave: () => void;
}

// One session a person, kept while the login page is shown in between.
let kept: { session: Session; drafts: Drafts } | null = null;

function sessionOf(user: User): { session: Session; drafts: Drafts } {
  const id = `${user.tenant_id}/${user.user_id}`;
  if (kept?.session.userId === id) return kept;
  kept?.session.close();
  const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
  kept = { session: new Session(id, url), drafts: new Drafts(id, storage()) };
  return kept;
}

function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

export default function Chat({ user, expired, leave }: ChatProps) {
  // Held as state: after a logout this page is still rendered until the login page takes its place.
  const [{ session, drafts }] = useState(() => sessionOf(user));
  const view = useStore(session.view);
  const connection = useStore(session.client.state);
  const threads = useStore(session.threads);
  const [drawer, setDrawer] = useState(false);
  const menu = useRef<HTMLButtonElement>(null);
  const conversation = view.conversations[view.key] ?? newConversation(null);
  const title = threads.threads.find(({ id }) => id === conversation.threadId)?.title ?? "";

  useEffect(() => {
    session.connect();
  }, [session]);
  useAddress(session, conversation.threadId);
  useLoginWatch(session.client, expired);
  useWake(session.client);
  useStopOnEscape(session, drawer);
  useEffect(() => {
    const wide = matchMedia("(width > 800px)");
    const close = () => setDrawer(false); // the list stands beside the conversation again
    wide.addEventListener("change", close);
    return () => wide.removeEventListener("change", close);
  }, []);

  const closeDrawer = useCallback(() => {
    setDrawer(false);
    requestAnimationFrame(() => menu.current?.focus()); // not before it can be focused again
  }, []);
  const choose = useCallback(
    (threadId: string | null) => {
      session.select(threadId);
      setDrawer(false);
      requestAnimationFrame(() => document.getElementById("composer")?.focus({ preventScroll: true }));
    },
    [session],
  );
  const logOut = () => {
    session.close();
    kept = null;
    leave();
  };

  return (
    <div className="page" data-drawer={drawer ? "open" : "closed"}>
      <a className="skip" href="#composer" onClick={focusComposer}>
        Skip to the message box
      </a>
      <Sidebar
        list={threads} selected={conversation.threadId} email={user.email ?? user.user_id} open={drawer}
        select={choose} more={() => void session.moreThreads()} close={closeDrawer} logout={logOut}
      />
      <main className="conversation" inert={drawer}>
        <Header
          title={title} connection={connection} menu={menu} drawer={drawer}
          openDrawer={() => setDrawer(true)} newThread={() => choose(null)}
        />
        <ConnectionBanner state={connection} retry={() => (connection.status === "offline" ? session.connect() : session.client.wake())} />
        <Notices notices={view.notices} dismiss={(id) => session.dismiss(id)} />
        <ConversationView key={view.key} session={session} conversation={conversation} drafts={drafts} />
      </main>
    </div>
  );
}

/** The fragment of the address holds the thread, so the link must not write there. */
function focusComposer(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById("composer")?.focus();
}

function useStopOnEscape(session: Session, drawer: boolean): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || drawer) return;
      if (currentRun(session.current) !== null) void session.stop();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [session, drawer]);
}
