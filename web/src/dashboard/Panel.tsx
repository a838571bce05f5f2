// A part of the page with a heading, and what stands beside the heading.

import { useId, type ReactNode } from "react";

interface PanelProps {
  title: string;
  note?: ReactNode;
  aside?: ReactNode;
  id?: string;
  testId?: string;
  children: ReactNode;
}

export function Panel({ title, note, aside, id, testId, children }: PanelProps) {
  const heading = useId();
  return (
    <section className="panel" aria-labelledby={heading} id={id} tabIndex={id === undefined ? undefined : -1} data-testid={testId}>
      <header className="panel-head">
        <h2 id={heading}>{title}</h2>
        {note !== undefined && <span className="faint panel-note">{note}</span>}
        {aside !== undefined && <span className="panel-aside">{aside}</span>}
      </header>
      {children}
    </section>
  );
}

export function Nothing({ children }: { children: ReactNode }) {
  return <p className="nothing faint">{children}</p>;
}
