import type { DurableEvent, Message } from "netra-client";
import { describe, expect, test } from "vitest";
import { currentRun, newConversation, reduce, unknownRuns, type Change, type Conversation } from "../src/state/conversation.ts";
import { itemsOf, toMessage } from "../src/state/items.ts";

const at = (second: number) => `2026-01-01T10:00:${String(second).padStart(2, "0")}.000000Z`;
const question = (n: number, more: Partial<Message> = {}): Message => ({
  id: `q${n}`, role: "user", content: `question ${n}`, created_at: at(n), client_id: `c${n}`, run_id: `r${n}`, ...more,
});
const answer = (n: number): Message => ({ id: `a${n}`, role: "assistant", content: `answer ${n}`, created_at: at(n + 30), run_id: `r${n}` });

let seq = 0;
const event = (type: DurableEvent["type"], payload: object, run = "r1"): Change => ({
  type: "event", event: { type, seq: ++seq, thread_id: "th", run_id: run, ts: at(0), payload } as unknown as DurableEvent,
});
const created = (n: number) => event("message_created", { message: question(n, { run_id: undefined as never }) }, `r${n}`);
const started = (attempt = 1) => event("agent_started", { agent: "demo", attempt, message_id: "a1" });
const completed = (status = "completed", more: object = {}) => event("agent_completed", { status, duration_ms: 5, attempts: 1, ...more });
const text = (value: string): Change => ({ type: "text", message: { threadId: "th", runId: "r1", messageId: "a1", text: value } });
const sending: Change = { type: "sending", clientId: "c1", text: "question 1", at: at(1) };
const accepted: Change = { type: "accepted", clientId: "c1", threadId: "th", runId: "r1", messageId: "q1" };
const after = (changes: Change[], start: Conversation = newConversation("th")) => changes.reduce(reduce, start);
const shown = (state: Conversation) => itemsOf(state).map((item) => [item.kind, item.text]);

describe("a message is shown once", () => {
  const history: Change = { type: "history", messages: [question(1)], hasMore: false };
  test.each([
    ["accepted, event, history", [sending, accepted, created(1), history]],
    ["event before accepted", [sending, created(1), accepted]],
    ["history only", [history]],
    ["history between", [sending, history, accepted, created(1)]],
    ["event twice", [sending, created(1), created(1)]],
  ])("%s", (_, changes) => {
    const users = itemsOf(after(changes, newConversation(null))).filter(({ kind }) => kind === "user");
    expect(users.map(({ id, text: words }) => [id, words])).toEqual([["user-c1", "question 1"]]);
  });
});

test("a new conversation takes its thread's id from whichever comes first", () => {
  expect(after([sending, accepted], newConversation(null)).threadId).toBe("th");
  expect(after([sending, created(1)], newConversation(null)).threadId).toBe("th");
});

test("a refused message stays with the reason, is sent again under its id, or discarded", () => {
  const refused = after([sending, { type: "refused", clientId: "c1", why: "Busy." }]);
  expect(refused.outgoing).toEqual([{ clientId: "c1", text: "question 1", at: at(1), refused: "Busy." }]);
  expect(reduce(refused, sending).outgoing).toEqual([{ clientId: "c1", text: "question 1", at: at(1) }]);
  expect(reduce(refused, { type: "discarded", clientId: "c1" }).outgoing).toEqual([]);
});

test("a run goes through its five events and the answer stands once", () => {
  const state = after([
    created(1),
    started(),
    event("agent_thinking", { text: "hm" }),
    event("tool_executing", { tool_call_id: "t", tool: "calc", arguments: { a: 1 } }),
    event("tool_completed", { tool_call_id: "t", tool: "calc", status: "ok", result: 2, duration_ms: 7 }),
    text("answ"),
    completed("completed", { message: answer(1) }),
  ]);
  const run = state.runs["r1"];
  expect(run?.events.map(({ type }) => type)).toEqual(["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]);
  expect(run?.steps).toEqual([
    { kind: "thinking", text: "hm" },
    { kind: "tool", id: "t", tool: "calc", arguments: { a: 1 }, status: "ok", result: 2, durationMs: 7 },
  ]);
  expect([run?.status, shown(state)]).toEqual(["completed", [["user", "question 1"], ["assistant", "answer 1"]]]);
});

test("overlapping tool calls are closed by their own id", () => {
  const state = after([
    started(),
    event("tool_executing", { tool_call_id: "x", tool: "a", arguments: {} }),
    event("tool_executing", { tool_call_id: "y", tool: "b", arguments: {} }),
    event("tool_completed", { tool_call_id: "x", tool: "a", status: "error", error: "no", duration_ms: 1 }),
  ]);
  expect(state.runs["r1"]?.steps.map((step) => step.kind === "tool" && [step.id, step.status])).toEqual([["x", "error"], ["y", "running"]]);
});

test("a stopped or failed run keeps what was written and takes no late text", () => {
  const stopped = after([created(1), started(), text("half an ans"), completed("stopped"), text("late")]);
  expect([stopped.runs["r1"]?.status, shown(stopped)[1]]).toEqual(["stopped", ["assistant", "half an ans"]]);
  const failed = after([created(1), started(), text("half"), completed("failed", { error: { code: "internal", message: "No." } })]);
  expect([failed.runs["r1"]?.error?.message, shown(failed)[1]]).toEqual(["No.", ["assistant", "half"]]);
});

test("a second attempt starts the answer anew and keeps the closed tool calls", () => {
  const state = after([
    created(1), started(), event("tool_executing", { tool_call_id: "t", tool: "calc", arguments: {} }), text("half"),
    event("tool_completed", { tool_call_id: "t", tool: "calc", status: "unknown", duration_ms: 0 }), started(2),
  ]);
  expect([state.runs["r1"]?.text, state.runs["r1"]?.attempt, state.runs["r1"]?.steps.length]).toEqual(["", 2, 1]);
});

test("an answer stands below its question though the next question was asked before it came", () => {
  const state = after([{ type: "history", messages: [question(1), question(2), answer(1), answer(2)], hasMore: false }]);
  expect(shown(state).map(([, words]) => words)).toEqual(["question 1", "answer 1", "question 2", "answer 2"]);
});

test("live, after a reload and after a resync the same is shown", () => {
  const live = after([created(1), started(), text("ans"), completed("completed", { message: answer(1) })]);
  const messages = [question(1), answer(1)];
  const reloaded = after([{ type: "history", messages, hasMore: false }, { type: "run", record: { id: "r1", status: "completed", attempts: 1, events: [...(live.runs["r1"]?.events ?? [])] } }]);
  const resynced = reduce(live, { type: "reloaded", messages, hasMore: false });
  expect(itemsOf(reloaded).map(toMessage)).toEqual(itemsOf(live).map(toMessage));
  expect(shown(resynced)).toEqual(shown(live));
});

test("a record and the stream may overlap in either order", () => {
  const begin = started();
  const tool = event("tool_executing", { tool_call_id: "t", tool: "calc", arguments: {} });
  const end = event("tool_completed", { tool_call_id: "t", tool: "calc", status: "ok", duration_ms: 3 });
  const events = [begin, tool].map((change) => (change as { event: DurableEvent }).event);
  const record: Change = { type: "run", record: { id: "r1", status: "running", attempts: 1, events } };
  for (const changes of [[end, record], [record, end], [record, tool, end]]) {
    const run = after([text("so far"), ...changes]).runs["r1"];
    expect([run?.events.map(({ type }) => type), run?.steps.length, run?.text]).toEqual([["agent_started", "tool_executing", "tool_completed"], 1, "so far"]);
  }
});

test("the runs to ask for are those of which no event is known, newest first", () => {
  const state = after([{ type: "history", messages: [question(1), answer(1), question(2)], hasMore: false }, started()]);
  expect(unknownRuns(state)).toEqual(["r2"]);
});

test("a stop is meant for the running run, not for one that waits or has ended", () => {
  const state = after([created(1), created(2), event("agent_started", { agent: "d", attempt: 1, message_id: "a2" }, "r2")]);
  expect(currentRun(state)?.id).toBe("r2");
  const stopping = reduce(state, { type: "stopping", runId: "r2", stopping: true });
  expect(stopping.runs["r2"]?.stopping).toBe(true);
  const ended = reduce(stopping, event("agent_completed", { status: "stopped", duration_ms: 1, attempts: 1 }, "r2"));
  expect([ended.runs["r2"]?.stopping, currentRun(ended)?.id]).toEqual([false, "r1"]);
});

test("unchanged items are the same objects, so that they are not rendered again", () => {
  const before = after([created(1), completed("completed", { message: answer(1) }), created(2)]);
  const next = reduce(before, { type: "text", message: { threadId: "th", runId: "r2", messageId: "a2", text: "x" } });
  const [a, b] = [itemsOf(before), itemsOf(next)];
  expect([a[0] === b[0], a[1] === b[1], a[2] === b[2], a[3] === b[3]]).toEqual([true, true, true, false]);
});
