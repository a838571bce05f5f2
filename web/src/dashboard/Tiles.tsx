// The numbers that say at a glance whether all is well.

import type { Look } from "./api.ts";
import { bytes, eventsNow, millis, rate, sumOfConnections } from "./shape.ts";

export function Tiles({ look }: { look: Look }) {
  const { total, slow, waiting } = sumOfConnections(look.connections);
  const failures = look.errors.reduce((sum, { kind, count }) => (kind === "run" ? sum + count : sum), 0);
  return (
    <dl className="tiles">
      <Tile name="Connections" value={total} />
      <Tile name="Slow" value={slow} note={`${bytes(waiting)} waiting`} tone={slow > 0 ? "warn" : undefined} />
      <Tile name="Queued" value={look.queue.queued} />
      <Tile name="Running" value={look.queue.running} />
      <Tile name="Events a second" value={rate(eventsNow(look.figures))} />
      <Tile name="Acceptance p99" value={millis(look.figures.accepted.p99_ms)} />
      <Tile name="Run p95" value={millis(look.figures.ran.p95_ms)} />
      <Tile name="Failed runs" value={failures} note="in 24 hours" tone={failures > 0 ? "bad" : undefined} />
    </dl>
  );
}

interface TileProps {
  name: string;
  value: string | number;
  note?: string;
  tone?: "warn" | "bad" | undefined;
}

function Tile({ name, value, note, tone }: TileProps) {
  return (
    <div className="tile" data-tone={tone}>
      <dt>{name}</dt>
      <dd>
        {value}
        {note !== undefined && <span className="faint"> {note}</span>}
      </dd>
    </div>
  );
}
