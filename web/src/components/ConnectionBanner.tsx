// Says plainly when the server is not there, and what that means for what is being written.

import type { ConnectionState } from "netra-client";
import { useEffect, useState } from "react";

const GRACE_MS = 800; // a reconnect faster than this is not worth a word

export function ConnectionBanner({ state, retry }: { state: ConnectionState; retry: () => void }) {
  const text = words(state);
  const shown = useAfter(text !== null, GRACE_MS);
  return (
    <div role="status" className="banner-place">
      {shown && text !== null && (
        <div className="banner" data-kind={state.status}>
          <span>{text}</span>
          <button type="button" className="quiet small" onClick={retry}>
            Try now
          </button>
        </div>
      )}
    </div>
  );
}

function words({ status, reason, closeCode }: ConnectionState): string | null {
  if (status === "reconnecting") return "Reconnecting… Running answers go on, and what you send is kept until the server is back.";
  if (status !== "offline" || reason === "token") return null;
  if (closeCode === 4503) return "Too many connections are open for your account. Close another tab, then try again.";
  if (closeCode === 4513) return "The server does not allow this connection. Ask whoever runs it.";
  return reason === "refused" ? "The server closed this connection for good. Reload the page." : "Not connected.";
}

function useAfter(condition: boolean, ms: number): boolean {
  const [passed, setPassed] = useState(false);
  useEffect(() => {
    setPassed(false);
    if (!condition) return;
    const timer = setTimeout(() => setPassed(true), ms);
    return () => clearTimeout(timer);
  }, [condition, ms]);
  return passed && condition;
}
