import { expect, test } from "vitest";
import { cancel, look, Refused, retry, type Fetch, type Figures, type Latency, type Look, type PerformanceReport, type TenantRun, type TracedEvent } from "../src/dashboard/api.ts";
import { amount, bytes, canRetry, eventsASecond, eventsNow, figuresOf, isOpen, latencies, lossInWords, millis, percentiles, performanceOf, rate, runInAddress, runTimes, stepsBy, sumOfConnections, timeline } from "../src/dashboard/shape.ts";
import { EVERY_MS, RARELY_MS, Watch } from "../src/dashboard/watch.ts";

const NONE: Latency = { count: 0 };
const AT = "2026-01-02T12:00:00Z";
const at = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();
const point = (ms: number, events: number, ran: Latency = NONE) => ({ at: at(ms), events, accepted: NONE, ran });
const figures: Figures = {
  everywhere: true, processes: [], slot_s: 5, accepted: NONE, ran: NONE,
  points: [point(0, 10), point(5_000, 25, { count: 3, p50_ms: 1, p95_ms: 2, p99_ms: 3 }), point(10_000, 1)],
};

test("charts leave out the slot that is not over, and have gaps where nothing happened", () => {
  const times = [Date.parse(AT) / 1_000, Date.parse(AT) / 1_000 + 5];
  expect(eventsASecond(figures)).toEqual([times, [2, 5]]);
  expect(eventsNow(figures)).toBe(5);
  expect(latencies(figures, "ran")).toEqual([times, [null, 1], [null, 2], [null, 3]]);
  expect(eventsNow({ ...figures, points: [] })).toBe(0);
});

const event = (type: string, more: Partial<TracedEvent> = {}): TracedEvent => ({ seq: 1, type, ts: AT, written: [], ...more });

test("a timeline counts from the first event, by the earliest time that is known of each", () => {
  const rows = timeline([
    event("message_created", { stored_at: at(0) }),
    event("agent_started", { produced_at: at(50), stored_at: at(70) }),
    event("agent_completed", { ts: at(200) }),
  ]);
  expect(rows.map(({ after, place }) => [after, place])).toEqual([[0, 0], [50, 0.25], [200, 1]]);
  expect(timeline([event("message_created")]).map(({ after, place }) => [after, place])).toEqual([[0, 0]]);
  expect(timeline([])).toEqual([]);
});

test("a run waits until it starts, and takes until it ends or now", () => {
  const run = { status: "running", created_at: at(0), started_at: at(100) } as TenantRun;
  const now = Date.parse(at(900));
  expect(runTimes(run, now)).toEqual({ waited: 100, took: 800 });
  expect(runTimes({ ...run, ended_at: at(350) }, now)).toEqual({ waited: 100, took: 250 });
  expect(runTimes({ status: "queued", created_at: at(0) } as TenantRun, now)).toEqual({ waited: 900, took: null });
  expect([isOpen(run), isOpen({ ...run, status: "timed_out" })]).toEqual([true, false]);
});

test("numbers are short", () => {
  expect([0, 999, 1_500, 2_340_000].map(bytes)).toEqual(["0 B", "999 B", "1.5 kB", "2.3 MB"]);
  expect([0, 0.4, 12, 1_234.5].map(rate)).toEqual(["0", "0.4", "12", "1,235"]);
  expect([undefined, 0.54, 12.4, 1_234, 90_000].map(millis)).toEqual(["–", "0.5 ms", "12 ms", "1.2 s", "1.5 min"]);
  expect([percentiles(NONE), percentiles({ count: 1, p50_ms: 1, p95_ms: 2, p99_ms: 3 })]).toEqual(["none in the last five minutes", "half within 1 ms, 95 % within 2 ms, 99 % within 3 ms"]);
});

test("connections are summed, and an address names a run or none", () => {
  const one = { slow: true, bytes_waiting: 10 };
  expect(sumOfConnections({ connections: [one, { ...one, slow: false }], total: 7 } as never)).toEqual({ total: 7, slow: 1, waiting: 20 });
  expect(["#run=0190-ab", "#run=<b>", "#thread=1", ""].map(runInAddress)).toEqual(["0190-ab", null, null, null]);
});

test("what failed and was not tried again can be tried again", () => {
  const of = (status: TenantRun["status"], more: Partial<TenantRun> = {}) => canRetry({ status, ...more } as TenantRun);
  expect((["queued", "running", "completed", "stopped", "failed", "timed_out"] as const).map((status) => of(status))).toEqual([false, false, false, false, true, true]);
  expect([of("failed", { retried_as: "r" }), of("failed", { retry_of: "r" })]).toEqual([false, true]);
});

test("performance is one line of points by report, for each figure that a report has", () => {
  const of = (name: string, figures: Record<string, number>): PerformanceReport => ({
    name, at: AT, figures: Object.entries(figures).map(([figure, now]) => ({ figure, before: 1, now, ratio: 1.25, low: 0.9, high: 1.3, judgement: "too-few-pairs" })),
  });
  const reports = [of("gate/abc.json", { a: 2 }), of("gate/def.json", { b: 4, a: 3 })];
  expect(figuresOf(reports)).toEqual(["b", "a"]);
  const { series, names, last } = performanceOf(reports, "a");
  expect([series, names, last?.now]).toEqual([[[0, 1], [1, 1], [2, 3]], ["abc", "def"], 3]);
  expect(performanceOf(reports, "b").names).toEqual(["def"]);
  expect(performanceOf([], "a")).toEqual({ series: [[], [], []], names: [], last: null });
  expect(last && lossInWords(last)).toBe("too few pairs, loss +25.0 % (-10.0 % to +30.0 %)");
  expect([0.012345, 12.34, 1_234_567].map(amount)).toEqual(["0.012", "12.3", "1,230,000"]);
});

test("steps are counted by state", () => {
  const step = (number: number, state: string) => ({ number, state, paths: [], more: 0 });
  expect([...stepsBy([step(1, "done"), step(2, "done"), step(3, "failed")])]).toEqual([["done", 2], ["failed", 1]]);
});

const answers = (status: Record<string, number>): { asked: string[]; ask: Fetch } => {
  const asked: string[] = [];
  const ask: Fetch = async (path, init) => {
    asked.push(`${init?.method ?? "GET"} ${path}`);
    const refused = Object.entries(status).find(([part]) => path.includes(part))?.[1];
    return refused === undefined ? Response.json({ runs: [], errors: [], run_id: "r" }) : Response.json({ error: { message: "No." } }, { status: refused });
  };
  return { asked, ask };
};

test("one look asks for everything, and a run that is not there takes nothing else along", async () => {
  const { asked, ask } = answers({});
  expect((await look("r/1", ask)).trace?.run_id).toBe("r");
  expect(asked).toContain("GET /v1/operations/runs/r%2F1/trace");
  expect((await look("r", answers({ trace: 404 }).ask)).trace).toBeNull();
  await expect(look("r", answers({ trace: 403 }).ask)).rejects.toThrow(Refused);
  await expect(look(null, answers({ queue: 503 }).ask)).rejects.toMatchObject({ status: 503, message: "No." });
});

test("a cancel is a request that changes something, and says when it was refused", async () => {
  const { asked, ask } = answers({});
  await cancel("r", ask);
  expect(asked).toEqual(["POST /v1/operations/runs/r/stop"]);
  await expect(cancel("r", answers({ stop: 404 }).ask)).rejects.toMatchObject({ status: 404 });
});

test("so is a retry, and the server's sentence says why not", async () => {
  const { asked, ask } = answers({});
  await retry("r/1", ask);
  expect(asked).toEqual(["POST /v1/operations/runs/r%2F1/retry"]);
  await expect(retry("r", answers({ retry: 409 }).ask)).rejects.toMatchObject({ status: 409, message: "No." });
});

/** A watch whose looks and timers the test ends by hand. */
function watched() {
  const looks: { runId: string | null; answer: (look: Look) => void; fail: (error: Error) => void }[] = [];
  const timers: { callback: () => void; ms: number }[] = [];
  let expired = 0;
  const watch = new Watch(
    (runId) => new Promise((answer, fail) => looks.push({ runId, answer, fail })),
    () => expired++,
    { set: (callback, ms) => timers.push({ callback, ms }), clear: () => undefined },
  );
  const end = async (act: (last: (typeof looks)[number]) => void) => {
    act(looks.at(-1)!);
    await new Promise((done) => setTimeout(done));
  };
  return { watch, looks, timers, end, expirations: () => expired };
}
const LOOK = {} as Look;

test("looks follow each other and are never two at once", async () => {
  const { watch, looks, timers, end } = watched();
  watch.start();
  watch.now();
  watch.select("r");
  expect(looks.length).toBe(1);
  await end(({ answer }) => answer(LOOK));
  expect([watch.state.get().state, watch.state.get().runId, timers.at(-1)?.ms]).toEqual(["live", null, 0]);
  timers.at(-1)?.callback();
  await end(({ answer }) => answer(LOOK));
  expect([looks.length, watch.state.get().runId, timers.at(-1)?.ms]).toEqual([2, "r", EVERY_MS]);
});

test("failures are told and asked for ever more rarely; what was seen stays", async () => {
  const { watch, timers, end } = watched();
  watch.start();
  await end(({ answer }) => answer(LOOK));
  for (let n = 0; n < 12; n++) {
    timers.at(-1)?.callback();
    await end(({ fail }) => fail(n === 0 ? new Refused(503, "Try again.") : new Error("network")));
    expect(watch.state.get()).toMatchObject({ state: "failing", look: LOOK, problem: n === 0 ? "Try again." : "The server cannot be reached." });
  }
  expect(timers.slice(1, 5).map(({ ms }) => ms)).toEqual([4_000, 8_000, 16_000, RARELY_MS]);
  timers.at(-1)?.callback();
  await end(({ answer }) => answer(LOOK));
  expect([watch.state.get().problem, timers.at(-1)?.ms]).toEqual([null, EVERY_MS]);
});

test("an ended login and a lost role end the looking", async () => {
  for (const [status, state, expirations] of [[401, "loading", 1], [403, "forbidden", 0]] as const) {
    const seen = watched();
    seen.watch.start();
    await seen.end(({ fail }) => fail(new Refused(status, "No.")));
    expect([seen.watch.state.get().state, seen.expirations(), seen.timers.length]).toEqual([state, expirations, 0]);
  }
});

test("a pause asks nothing, and an answer that comes in it is not shown", async () => {
  const { watch, looks, timers, end } = watched();
  watch.start();
  watch.pause();
  await end(({ answer }) => answer(LOOK));
  watch.select("r");
  expect([looks.length, timers.length, watch.state.get()]).toMatchObject([1, 0, { state: "paused", look: null }]);
  watch.start();
  expect([looks.length, looks.at(-1)?.runId, watch.state.get().state]).toEqual([2, "r", "loading"]);
});
