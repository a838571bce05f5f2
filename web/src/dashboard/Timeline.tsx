// The events of one run and where each has been: produced, stored, published, written to connections.

import { Icon } from "../components/Icon.tsx";
import { Nothing, Panel } from "./Panel.tsx";
import type { Trace, TracedEvent } from "./api.ts";
import { clock, millis, short, timeline, type Row } from "./shape.ts";

interface TimelineProps {
  runId: string | null;
  trace: Trace | null;
  loading: boolean;
  close: () => void;
}

export function Timeline({ runId, trace, loading, close }: TimelineProps) {
  const closing = runId !== null && (
    <button type="button" className="quiet small" onClick={close} aria-label="Close the timeline">
      <Icon name="close" />
    </button>
  );
  return (
    <Panel title="Timeline" id="timeline" testId="timeline" note={runId !== null && <span className="mono" title={runId}>{short(runId)}</span>} aside={closing}>
      <Body runId={runId} trace={trace} loading={loading} />
    </Panel>
  );
}

function Body({ runId, trace, loading }: Omit<TimelineProps, "close">) {
  if (runId === null) return <Nothing>Choose a run to see its events, and when each was produced, stored, published and written to a connection.</Nothing>;
  if (trace === null) return <Nothing>{loading ? "Loading…" : "There is no such run in this tenant."}</Nothing>;
  if (trace.events.length === 0) return <Nothing>Nothing has happened in this run yet.</Nothing>;
  return (
    <ol className="events" tabIndex={0} aria-label={`Events of run ${short(runId)}`}>
      {timeline(trace.events).map((row) => (
        <EventRow key={row.event.seq} row={row} />
      ))}
    </ol>
  );
}

function EventRow({ row: { event, after, place } }: { row: Row }) {
  return (
    <li data-testid="timeline-event" data-type={event.type}>
      <span className="event-name">{event.type}</span>
      <span className="event-time" title={event.ts}>
        {clock(event.ts)} <b>+{millis(after)}</b>
      </span>
      <span className="track" aria-hidden="true">
        <i style={{ insetInlineStart: `${place * 100}%` }} />
      </span>
      <Steps event={event} />
    </li>
  );
}

function Steps({ event }: { event: TracedEvent }) {
  const { to_store_ms, to_publish_ms, to_write_ms, written } = event;
  const known = event.produced_at ?? event.stored_at ?? event.published_at ?? written[0]?.at;
  if (known === undefined) return <span className="steps faint">No process remembers its way any more.</span>;
  return (
    <span className="steps">
      {event.produced_at !== undefined && <Step name="produced" at={event.produced_at} />}
      {event.stored_at !== undefined && <Step name="stored" at={event.stored_at} after={to_store_ms} />}
      {event.published_at !== undefined && <Step name="published" at={event.published_at} after={to_publish_ms} />}
      {written.length > 0 && <Step name={written.length === 1 ? "written" : `written to ${written.length}`} at={written[0]?.at ?? ""} after={to_write_ms} />}
    </span>
  );
}

function Step({ name, at, after }: { name: string; at: string; after?: number | undefined }) {
  return (
    <span className="step-mark" title={at}>
      {name}
      {after !== undefined && <b> +{millis(after)}</b>}
    </span>
  );
}
