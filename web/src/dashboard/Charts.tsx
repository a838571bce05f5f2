// The last five minutes: events a second, and how long acceptance and runs took.

import { useMemo } from "react";
import type { Figures } from "./api.ts";
import { Chart, type Line } from "./Chart.tsx";
import { Panel } from "./Panel.tsx";
import { eventsASecond, eventsNow, latencies, millis, percentiles, rate } from "./shape.ts";

const EVENTS: readonly Line[] = [{ name: "Events a second", color: "--accent", filled: true }];
const PERCENTILES: readonly Line[] = [
  { name: "p50", color: "--good" },
  { name: "p95", color: "--warn" },
  { name: "p99", color: "--bad" },
];

export function Charts({ figures }: { figures: Figures }) {
  const events = useMemo(() => eventsASecond(figures), [figures]);
  const accepted = useMemo(() => latencies(figures, "accepted"), [figures]);
  const ran = useMemo(() => latencies(figures, "ran"), [figures]);
  return (
    <div className="charts">
      <Panel title="Events" note="stored, a second">
        <Chart label={`Events stored a second in the last five minutes, now ${rate(eventsNow(figures))}`} series={events} lines={EVENTS} words={rate} />
      </Panel>
      <Panel title="Acceptance" note={`${figures.accepted.count} in 5 min`}>
        <Chart label={`Time from a message's arrival to its commit: ${percentiles(figures.accepted)}`} series={accepted} lines={PERCENTILES} words={millis} />
      </Panel>
      <Panel title="Runs" note={`${figures.ran.count} ended in 5 min`}>
        <Chart label={`Time from a run's start to its end: ${percentiles(figures.ran)}`} series={ran} lines={PERCENTILES} words={millis} />
      </Panel>
    </div>
  );
}
