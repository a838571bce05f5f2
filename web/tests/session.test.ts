import { expect, test } from "vitest";
import { GREETING, ServerSide, settle, VirtualClock } from "../../clients/typescript/tests/scripted.ts";
import type { RunRecord } from "../src/api/runs.ts";
import { Session } from "../src/state/session.ts";
import { itemsOf } from "../src/state/items.ts";

const TIME = "2026-01-01T10:00:00.000000Z";

function opened(records: Record<string, RunRecord> = {}) {
  const clock = new VirtualClock();
  const sockets: ServerSide[] = [];
  class Socket extends ServerSide {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const frames: (() => void)[] = [];
  const session = new Session("t/u", "ws://test/ws", {
    client: { Socket, clock },
    now: () => TIME,
    nextFrame: (call) => void frames.push(call),
    fetchRun: async (id) => records[id] ?? null,
  });
  const greet = () => {
    const server = sockets.at(-1) as ServerSide;
    server.accept();
    server.say({ type: "connected", payload: GREETING });
    return server;
  };
  session.connect();
  const paint = () => frames.splice(0).forEach((call) => call());
  return { session, server: greet(), greet, clock, paint, frames };
}

const accepted = { type: "accepted", thread_id: "th", run_id: "r", payload: { message_id: "m", duplicate: false, queue_position: 0 } };
const words = (session: Session) => itemsOf(session.current).map((item) => item.text);

test("a first message makes the thread, keeps the view and is shown once", async () => {
  const { session, server } = opened();
  const { key } = session.view.get();
  const sent = session.send("hello");
  const id = server.of("user_message")[0]?.id;
  expect(words(session)).toEqual(["hello"]);
  server.say({ type: "message_created", seq: 11, thread_id: "th", run_id: "r", payload: { message: { id: "m", role: "user", content: "hello", created_at: TIME, client_id: id } } });
  server.answer("user_message", accepted);
  await sent;
  const users = itemsOf(session.current).filter(({ kind }) => kind === "user");
  expect([users.length, session.view.get().key, session.current.threadId]).toEqual([1, key, "th"]);
});

test("what another tab sends and gets appears here", () => {
  const { session, server, paint } = opened();
  session.select("th");
  server.say({ type: "message_created", seq: 11, thread_id: "th", run_id: "r", payload: { message: { id: "m", role: "user", content: "from there", created_at: TIME, client_id: "theirs" } } });
  server.say({ type: "agent_started", seq: 12, thread_id: "th", run_id: "r", payload: { agent: "a", attempt: 1, message_id: "am" } });
  server.say({ type: "message_delta", thread_id: "th", run_id: "r", payload: { message_id: "am", offset: 0, text: "an answer" } });
  paint();
  expect([words(session), server.of("follow")[0]?.thread_id]).toEqual([["from there", "an answer"], "th"]);
});

test("a flood of deltas changes the view once a frame, and text before an event comes before it", () => {
  const { session, server, paint, frames } = opened();
  session.select("th");
  let changes = 0;
  session.view.subscribe(() => changes++);
  for (let offset = 0; offset < 50; offset++) server.say({ type: "message_delta", thread_id: "th", run_id: "r", payload: { message_id: "am", offset, text: "x" } });
  expect([changes, frames.length]).toEqual([0, 1]);
  paint();
  expect([changes, words(session)]).toEqual([1, ["x".repeat(50)]]);
  server.say({ type: "message_delta", thread_id: "th", run_id: "r", payload: { message_id: "am", offset: 50, text: "y" } });
  server.say({ type: "agent_completed", seq: 11, thread_id: "th", run_id: "r", payload: { status: "stopped", duration_ms: 1, attempts: 1 } });
  paint();
  expect(words(session)).toEqual([`${"x".repeat(50)}y`]);
});

test("a reload in the middle of a run finds it going and stoppable", async () => {
  const events = [{ type: "agent_started", seq: 9, thread_id: "th", run_id: "r", payload: { agent: "a", attempt: 1, message_id: "am" } }] as RunRecord["events"];
  const { session, server } = opened({ r: { id: "r", status: "running", attempts: 1, events } });
  session.select("th");
  server.answer("get_thread_history", { type: "thread_history", payload: { messages: [{ id: "m", role: "user", content: "q", created_at: TIME, run_id: "r" }], has_more: false } });
  await settle();
  void session.stop();
  expect([session.current.runs["r"]?.status, server.of("stop_agent")[0]?.payload]).toEqual(["running", { run_id: "r" }]);
});

test("a refused stop says why and can be asked again", async () => {
  const { session, server } = opened();
  session.select("th");
  server.say({ type: "agent_started", seq: 11, thread_id: "th", run_id: "r", payload: { agent: "a", attempt: 1, message_id: "am" } });
  const stopping = session.stop();
  expect(session.current.runs["r"]?.stopping).toBe(true);
  server.answer("stop_agent", { type: "error", payload: { code: "degraded", message: "", retryable: true, retry_after_ms: 2000 } });
  await stopping;
  expect([session.current.runs["r"]?.stopping, session.view.get().notices[0]?.text]).toEqual([false, "The server's storage has trouble at the moment. Try again in 2 s."]);
});

test("a refused message is tried again under the same id", async () => {
  const { session, server } = opened();
  const sent = session.send("hello");
  server.answer("user_message", { type: "error", payload: { code: "busy", message: "", retryable: true } });
  await sent;
  const refused = session.current.outgoing[0];
  expect(refused?.refused).toBe("The server is busy and did not take this. Try again in a moment.");
  void session.retry(refused?.clientId ?? "");
  const [first, second] = server.of("user_message");
  expect([second?.id, session.current.outgoing[0]?.refused]).toEqual([first?.id, undefined]);
});

test("somebody else's thread in the address leads to a new conversation", async () => {
  const { session, server } = opened();
  session.select("not-mine");
  server.answer("get_thread_history", { type: "error", payload: { code: "not_found", message: "", retryable: false } });
  await settle();
  expect([session.current.threadId, session.view.get().notices.length]).toEqual([null, 1]);
});

test("leaving a thread ends its live text, coming back asks for it", () => {
  const { session, server } = opened();
  session.select("a");
  session.select("b");
  session.select("a");
  expect(server.received.filter(({ type }) => type.endsWith("follow")).map(({ type, thread_id }) => [type, thread_id])).toEqual([
    ["follow", "a"], ["unfollow", "a"], ["follow", "b"], ["unfollow", "b"], ["follow", "a"],
  ]);
});

test("after a resync the shown thread is loaded anew", async () => {
  const { session, server } = opened();
  session.select("th");
  server.answer("get_thread_history", { type: "thread_history", payload: { messages: [{ id: "old", role: "user", content: "old", created_at: TIME }], has_more: false } });
  await settle();
  server.say({ type: "heartbeat", payload: { head: 99 } });
  server.answer("resume", { type: "resync", payload: { reason: "retention", head: 99 } });
  server.answer("get_thread_history", { type: "thread_history", payload: { messages: [{ id: "new", role: "user", content: "new", created_at: TIME }], has_more: false } });
  await settle();
  expect(words(session)).toEqual(["new"]);
});
