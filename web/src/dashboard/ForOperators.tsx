// What everybody else sees: whose page this is, and the two ways on.

import type { User } from "../api/auth.ts";
import { Mark } from "../components/Icon.tsx";

export function ForOperators({ user, leave }: { user: User; leave: () => void }) {
  return (
    <main className="login" data-testid="not-operator">
      <div className="login-card">
        <div className="brand">
          <Mark />
          <span>Netra</span>
        </div>
        <h1>This page is for operators</h1>
        <p>
          You are logged in as <strong>{user.email ?? user.user_id}</strong>, who does not have the role <code>operator</code>. Ask whoever runs this server for an
          account that has it, or go back to your conversations.
        </p>
        <a className="primary wide button" href="/">
          Go to the chat
        </a>
        <button type="button" className="quiet wide" onClick={leave}>
          Log in as somebody else
        </button>
      </div>
    </main>
  );
}
