// Whose figures these are, whether they are fresh, and the ways out.

import type { User } from "../api/auth.ts";
import { Icon, Mark } from "../components/Icon.tsx";
import { ThemeToggle } from "../components/ThemeToggle.tsx";
import type { Watched } from "./watch.ts";

interface TopBarProps {
  user: User;
  tenant: string;
  state: Watched["state"];
  pause: () => void;
  leave: () => void;
}

const WORDS: Record<Watched["state"], string> = {
  loading: "Loading",
  live: "Live",
  failing: "Not reachable",
  paused: "Paused",
  forbidden: "Not allowed",
};
const DOTS: Record<Watched["state"], string> = { loading: "connecting", live: "connected", failing: "offline", paused: "paused", forbidden: "offline" };

export function TopBar({ user, tenant, state, pause, leave }: TopBarProps) {
  return (
    <header className="dash-bar">
      <div className="brand">
        <Mark />
        <h1>Operations</h1>
      </div>
      <span className="chip" title="Only what belongs to this tenant is shown">
        {tenant}
      </span>
      <span className="connection" data-testid="live-state" data-state={DOTS[state]} role="status">
        <span className="dot" aria-hidden="true" />
        {WORDS[state]}
      </span>
      <span className="dash-actions">
        <button type="button" className="quiet small" onClick={pause} aria-pressed={state === "paused"}>
          {state === "paused" ? "Go on" : "Pause"}
        </button>
        <a className="quiet small button" href="/">
          Chat
        </a>
        <ThemeToggle />
        <button type="button" className="quiet" onClick={leave} aria-label={`Log out ${user.email ?? user.user_id}`} title={`Log out ${user.email ?? ""}`}>
          <Icon name="logout" />
        </button>
      </span>
    </header>
  );
}
