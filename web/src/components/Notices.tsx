// Errors that belong to no single message.

import type { Notice } from "../state/session.ts";
import { Icon } from "./Icon.tsx";

export function Notices({ notices, dismiss }: { notices: readonly Notice[]; dismiss: (id: number) => void }) {
  return (
    <div className="notices" role="alert">
      {notices.map(({ id, text }) => (
        <div key={id} className="notice">
          <span>{text}</span>
          <button type="button" className="quiet small" onClick={() => dismiss(id)} aria-label="Dismiss">
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
