// Keeps the shown thread in the address, so that a reload and the back button find it again.

import { useEffect } from "react";
import type { Session } from "../state/session.ts";

const THREAD = /^#thread=([0-9a-fA-F-]{1,64})$/;

function threadInAddress(): string | null {
  return THREAD.exec(location.hash)?.[1] ?? null;
}

export function useAddress(session: Session, threadId: string | null): void {
  useEffect(() => {
    const follow = () => session.select(threadInAddress());
    if (threadInAddress() !== null) follow();
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, [session]);

  useEffect(() => {
    const shown = session.current.threadId; // newer than this render when the address has just been followed
    if (threadInAddress() === shown) return;
    history.pushState(null, "", shown === null ? location.pathname : `#thread=${shown}`);
  }, [session, threadId]);
}
