// The last resort when the page itself fails, for example because its files were replaced while it was open.

import { Component, type ReactNode } from "react";
import { Mark } from "./Icon.tsx";

export class Trouble extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="splash">
        <Mark />
        <p role="alert">The page ran into a problem. Nothing that was sent is lost.</p>
        <button type="button" className="primary" onClick={() => location.reload()}>
          Reload
        </button>
      </main>
    );
  }
}
