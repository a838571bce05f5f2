import { expect, test } from "vitest";
import { applyToThreads, createThreads, type DurableEvent, type Thread, type ThreadList } from "../src/index.ts";
import { settle, world } from "./scripted.ts";

const at = (minute: number) => `2026-01-01T10:${String(minute).padStart(2, "0")}:00Z`;
const thread = (id: string, minute: number): Thread => ({ id, title: id, archived: false, created_at: at(0), updated_at: at(minute) });
const created = (seq: number, threadId: string, minute: number, content = "hello\nmore"): DurableEvent => ({
  type: "message_created", seq, thread_id: threadId, ts: at(minute),
  payload: { message: { id: `m${seq}`, role: "user", content, created_at: at(minute) } },
});
const ids = (list: ThreadList) => list.threads.map(({ id }) => id);

test("threads load, take events that came during the load, and page on", async () => {
  const { client, greet } = world();
  client.connect();
  const server = greet();
  const threads = createThreads(client, 2);
  const stop = threads.subscribe(() => undefined);
  server.say(created(11, "new", 9));
  server.answer("list_threads", { type: "threads", payload: { threads: [thread("a", 5), thread("b", 3)], has_more: true } });
  await settle();
  expect(ids(threads.get())).toEqual(["new", "a", "b"]);
  const more = threads.more();
  expect(server.of("list_threads").at(-1)?.payload).toEqual({ limit: 2, before: "b" });
  server.answer("list_threads", { type: "threads", payload: { threads: [thread("c", 1)], has_more: false } });
  await more;
  expect([ids(threads.get()), threads.get().hasMore]).toEqual([["new", "a", "b", "c"], false]);
  stop();
});

test("a resync loads anew, and the slower of two loads loses", async () => {
  const { client, greet } = world();
  client.connect();
  const server = greet();
  const threads = createThreads(client);
  threads.subscribe(() => undefined);
  const first = server.of("list_threads")[0]?.id;
  server.say({ type: "heartbeat", payload: { head: 12 } });
  server.answer("resume", { type: "resync", payload: { reason: "retention", head: 12 } });
  server.answer("list_threads", { type: "threads", payload: { threads: [thread("fresh", 1)], has_more: false } });
  server.say({ type: "threads", reply_to: first, payload: { threads: [thread("stale", 1)], has_more: false } });
  await settle();
  expect(ids(threads.get())).toEqual(["fresh"]);
});

test("a message moves its thread up, titles change, events may be applied twice", () => {
  const start: ThreadList = { threads: [thread("a", 5), thread("b", 3)], hasMore: false, loaded: true };
  const events: DurableEvent[] = [
    created(1, "b", 6),
    created(2, "c", 7, "What is this?\nsecond line"),
    { type: "thread_updated", seq: 3, thread_id: "a", payload: { title: "Renamed" } },
  ];
  const once = events.reduce(applyToThreads, start);
  expect(once.threads.map(({ id, title }) => [id, title])).toEqual([["c", "What is this?"], ["b", "b"], ["a", "Renamed"]]);
  expect(events.reduce(applyToThreads, once)).toEqual(once);
});
