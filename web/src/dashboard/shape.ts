// Answers of the server as what is drawn: series of charts, rows of a timeline, numbers in words. Pure.

import type { Connections, Figures, Latency, MigrationReport, PerformanceFigure, PerformanceReport, TenantRun, TracedEvent } from "./api.ts";

/** As uPlot takes them: times in seconds, then one list of values a line; null is a gap. */
export type Series = [number[], ...(number | null)[][]];

/** Points that are over; the last slot is still being counted. */
function over(figures: Figures): Figures["points"] {
  return figures.points.slice(0, -1);
}

const times = (figures: Figures): number[] => over(figures).map(({ at }) => Date.parse(at) / 1_000);

export function eventsASecond(figures: Figures): Series {
  return [times(figures), over(figures).map(({ events }) => events / figures.slot_s)];
}

export function latencies(figures: Figures, of: "accepted" | "ran"): Series {
  const points = over(figures).map((point) => point[of]);
  return [times(figures), points.map(({ p50_ms }) => p50_ms ?? null), points.map(({ p95_ms }) => p95_ms ?? null), points.map(({ p99_ms }) => p99_ms ?? null)];
}

/** Of the last slot that is over. */
export function eventsNow(figures: Figures): number {
  return (over(figures).at(-1)?.events ?? 0) / figures.slot_s;
}

export function sumOfConnections({ connections, total }: Connections): { total: number; slow: number; waiting: number } {
  return {
    total,
    slow: connections.filter(({ slow }) => slow).length,
    waiting: connections.reduce((sum, { bytes_waiting }) => sum + bytes_waiting, 0),
  };
}

export interface Row {
  event: TracedEvent;
  /** Milliseconds since the run's first event. */
  after: number;
  /** Where that is between the first event and the last, 0 to 1. */
  place: number;
}

/** When something happened: as the agent produced it where that is known, else as the database has it. */
function moment({ produced_at, stored_at, ts }: TracedEvent): number {
  return Date.parse(produced_at ?? stored_at ?? ts);
}

export function timeline(events: readonly TracedEvent[]): Row[] {
  const moments = events.map(moment);
  const first = Math.min(...moments);
  const whole = Math.max(...moments) - first;
  return events.map((event, n) => {
    const after = (moments[n] ?? first) - first;
    return { event, after, place: whole === 0 ? 0 : after / whole };
  });
}

export function isOpen({ status }: TenantRun): boolean {
  return status === "queued" || status === "running";
}

/** What failed and was not tried again; the server decides, this only spares a press. */
export function canRetry({ status, retried_as }: TenantRun): boolean {
  return (status === "failed" || status === "timed_out") && retried_as === undefined;
}

/** Milliseconds from acceptance to start, and from start to end or now. */
export function runTimes(run: TenantRun, now: number): { waited: number | null; took: number | null } {
  const created = Date.parse(run.created_at);
  const started = run.started_at === undefined ? null : Date.parse(run.started_at);
  const ended = run.ended_at === undefined ? null : Date.parse(run.ended_at);
  return {
    waited: Math.max(0, (started ?? ended ?? now) - created),
    took: started === null ? null : Math.max(0, (ended ?? now) - started),
  };
}

export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

export function rate(perSecond: number): string {
  if (perSecond >= 100 || Number.isInteger(perSecond)) return Math.round(perSecond).toLocaleString("en");
  return perSecond.toFixed(1);
}

/** Short on an axis and in a tile. */
export function millis(ms: number | undefined | null): string {
  if (ms === undefined || ms === null) return "–";
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  return `${Number((ms / 60_000).toFixed(1))} min`;
}

export function percentiles({ count, p50_ms, p95_ms, p99_ms }: Latency): string {
  return count === 0 ? "none in the last five minutes" : `half within ${millis(p50_ms)}, 95 % within ${millis(p95_ms)}, 99 % within ${millis(p99_ms)}`;
}

/** The end of an id, which differs between ids made one after the other; its start is a time. */
export function short(id: string): string {
  return id.slice(-8);
}

export function clock(iso: string): string {
  return new Date(iso).toLocaleTimeString(undefined, { hour12: false });
}

const RUN = /^#run=([0-9a-fA-F-]{1,64})$/;

/** The run that an address names. */
export function runInAddress(hash: string): string | null {
  return RUN.exec(hash)?.[1] ?? null;
}

/** Every figure of the reports, those of the newest report first. */
export function figuresOf(reports: readonly PerformanceReport[]): string[] {
  return [...new Set([...reports].reverse().flatMap(({ figures }) => figures.map(({ figure }) => figure)))];
}

/** One figure over the reports, the oldest first: its lines before and now, the reports' names, and the newest. */
export function performanceOf(reports: readonly PerformanceReport[], figure: string): { series: Series; names: string[]; last: PerformanceFigure | null } {
  const points = reports.flatMap(({ name, figures }) => figures.filter((each) => each.figure === figure).map((each) => ({ name: bare(name), each })));
  return {
    series: [points.map((_point, n) => n), points.map(({ each }) => each.before), points.map(({ each }) => each.now)],
    names: points.map(({ name }) => name),
    last: points.at(-1)?.each ?? null,
  };
}

/** A file's name without folder and ending: what was measured. */
function bare(name: string): string {
  return name.replace(/^.*\//, "").replace(/\.json$/, "");
}

/** The gate's verdict; its ratio is how many times worse, whatever direction is the good one. */
export function lossInWords({ ratio, low, high, judgement }: PerformanceFigure): string {
  const percent = (value: number) => `${value < 1 ? "" : "+"}${((value - 1) * 100).toFixed(1)} %`;
  return `${judgement.replaceAll("-", " ")}, loss ${percent(ratio)} (${percent(low)} to ${percent(high)})`;
}

export function stepsBy(steps: MigrationReport["steps"]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state } of steps) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** A number in an unknown unit, short. */
export function amount(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}
