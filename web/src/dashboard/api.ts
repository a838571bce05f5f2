// What the server tells operators, field for field as /api/openapi.json has it, and how it is asked.

export interface Connection {
  connection_id: string;
  gateway: string;
  user_id: string;
  connected_s: number;
  frames_sent: number;
  bytes_sent: number;
  bytes_waiting: number;
  oldest_wait_ms: number;
  slow: boolean;
}

export interface Connections {
  everywhere: boolean;
  gateways: { id: string; host: string; pid: number }[];
  total: number;
  connections: Connection[];
}

export type RunStatus = "queued" | "running" | "completed" | "stopped" | "failed" | "timed_out";
export type LaneName = "critical" | "high" | "normal" | "low";

export interface TenantRun {
  id: string;
  user_id: string;
  thread_id: string;
  status: RunStatus;
  lane: LaneName;
  attempts: number;
  stopping: boolean;
  created_at: string;
  agent?: string;
  started_at?: string;
  ended_at?: string;
  error?: string;
  retry_of?: string;
  retried_as?: string;
}

export interface Queue {
  tenant_id: string;
  queued: number;
  running: number;
  lanes: { lane: LaneName; queued: number; running: number; oldest_s?: number }[];
}

export interface Latency {
  count: number;
  p50_ms?: number;
  p95_ms?: number;
  p99_ms?: number;
}

export interface Point {
  at: string;
  events: number;
  accepted: Latency;
  ran: Latency;
}

export interface Figures {
  everywhere: boolean;
  processes: { id: string; host: string; pid: number }[];
  slot_s: number;
  points: Point[];
  accepted: Latency;
  ran: Latency;
}

export interface ErrorGroup {
  kind: "run" | "frame";
  cause: string;
  count: number;
  first_seen: string;
  last_seen: string;
  agent?: string;
  last_run_id?: string;
}

export interface TracedEvent {
  seq: number;
  type: string;
  ts: string;
  written: { at: string; connection_id: string; gateway: string; after_ms?: number }[];
  produced_at?: string;
  stored_at?: string;
  published_at?: string;
  to_store_ms?: number;
  to_publish_ms?: number;
  to_write_ms?: number;
}

export interface Trace {
  run_id: string;
  user_id: string;
  everywhere: boolean;
  events: TracedEvent[];
}

export interface TestResults {
  name: string;
  at: string;
  finished: boolean;
  passed: number;
  failed: number;
  skipped: number;
  seconds: number;
  failures: string[];
  last?: string;
}

export interface PerformanceFigure {
  figure: string;
  before: number;
  now: number;
  ratio: number;
  low: number;
  high: number;
  judgement: string;
}

export interface PerformanceReport {
  name: string;
  at: string;
  figures: PerformanceFigure[];
}

export interface MigrationReport {
  name: string;
  at: string;
  steps: { number: number; state: string; paths: string[]; more: number }[];
}

export interface Reports {
  configured: boolean;
  tests: TestResults[];
  performance: PerformanceReport[];
  migrations: MigrationReport[];
  unread: { name: string; why: string }[];
}

/** Everything of one look. */
export interface Look {
  connections: Connections;
  runs: TenantRun[];
  queue: Queue;
  figures: Figures;
  errors: ErrorGroup[];
  reports: Reports;
  trace: Trace | null;
}

/** The server refused. 401: the login has ended; 403: the role is not there. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Fetch = (path: string, init?: RequestInit) => Promise<Response>;
const BASE = "/v1/operations";

/** One look at everything, with the trace of one run. */
export async function look(runId: string | null, ask: Fetch = fetch): Promise<Look> {
  const [connections, runs, queue, figures, errors, reports, trace] = await Promise.all([
    read<Connections>(ask, "/connections"),
    read<{ runs: TenantRun[] }>(ask, "/runs?limit=50"),
    read<Queue>(ask, "/queue"),
    read<Figures>(ask, "/figures"),
    read<{ errors: ErrorGroup[] }>(ask, "/errors"),
    read<Reports>(ask, "/reports"),
    runId === null ? null : readTrace(ask, runId),
  ]);
  return { connections, runs: runs.runs, queue, figures, errors: errors.errors, reports, trace };
}

/** Ask a run to stop; its end tells when it has. */
export async function cancel(runId: string, ask: Fetch = fetch): Promise<void> {
  await answered(await ask(`${BASE}/runs/${encodeURIComponent(runId)}/stop`, { method: "POST", credentials: "same-origin" }));
}

/** Queue a new run for a failed run's message. */
export async function retry(runId: string, ask: Fetch = fetch): Promise<void> {
  await answered(await ask(`${BASE}/runs/${encodeURIComponent(runId)}/retry`, { method: "POST", credentials: "same-origin" }));
}

/** Null for a run that is not there, as one in an old address: no reason to show nothing else. */
async function readTrace(ask: Fetch, runId: string): Promise<Trace | null> {
  try {
    return await read<Trace>(ask, `/runs/${encodeURIComponent(runId)}/trace`);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

async function read<Answer>(ask: Fetch, path: string): Promise<Answer> {
  const answer = await answered(await ask(BASE + path, { credentials: "same-origin", cache: "no-store" }));
  return (await answer.json()) as Answer;
}

async function answered(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => null)) as { error?: { message?: unknown } } | null;
  const message = body?.error?.message;
  throw new Refused(answer.status, typeof message === "string" ? message : `The server answered ${answer.status}.`);
}
