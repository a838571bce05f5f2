// The lifecycle events of a run as they arrived, for those who build agents.

import type { Run } from "../state/run.ts";

export function EventTrace({ run }: { run: Run }) {
  if (run.events.length === 0) return null;
  return (
    <details className="trace" data-testid="event-trace">
      <summary>
        {run.events.length} {run.events.length === 1 ? "event" : "events"}
      </summary>
      <ol>
        {run.events.map(({ seq, type }) => (
          <li key={seq} data-testid="event-item" data-type={type}>
            {type}
          </li>
        ))}
      </ol>
    </details>
  );
}
