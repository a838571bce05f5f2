import { expect, test } from "vitest";
import { settle, world } from "./scripted.ts";

const ACCEPTED = { type: "accepted", thread_id: "th", run_id: "r", payload: { message_id: "m", duplicate: false, queue_position: 0 } };

test("a message is sent again under its id until it is accepted, then never", async () => {
  const { client, comeBack, greet } = world();
  client.connect();
  const accepted = client.sendMessage({ text: "hi" }, { threadId: "th" });
  const first = greet();
  first.hangUp(1006);
  comeBack();
  const second = greet();
  expect(second.of("user_message")).toEqual(first.of("user_message"));
  second.answer("user_message", ACCEPTED);
  expect(await accepted).toEqual({ message_id: "m", duplicate: false, queue_position: 0, threadId: "th", runId: "r" });
  second.hangUp(1006);
  comeBack();
  expect(greet().of("user_message")).toEqual([]);
});

test("start_agent and stop_agent are sent again too, in the order asked", () => {
  const { client, comeBack, greet } = world();
  client.connect();
  const first = greet();
  for (const asked of [client.startAgent({ query: "q" }), client.stopAgent("r")]) asked.catch(() => undefined);
  first.hangUp(1012);
  comeBack();
  expect(greet().received.slice(1)).toEqual(first.received);
});

test("a refusal rejects with the server's words", async () => {
  const { client, greet } = world();
  client.connect();
  const server = greet();
  const refused = client.sendMessage({ text: "hi" }).catch((error: unknown) => error);
  server.answer("user_message", { type: "error", payload: { code: "busy", message: "Try later.", retryable: true, retry_after_ms: 50 } });
  expect(await refused).toMatchObject({ name: "NetraError", code: "busy", message: "Try later.", retryable: true, retryAfterMs: 50 });
});

test("an error that answers nothing asked is an event", () => {
  const { client, greet } = world();
  const errors: string[] = [];
  client.on("error", ({ code }) => errors.push(code));
  client.connect();
  greet().say({ type: "error", payload: { code: "rate_limited", message: "", retryable: true } });
  expect(errors).toEqual(["rate_limited"]);
});

test("what waits for an answer learns that the server does not want us back", async () => {
  const { client, greet } = world();
  client.connect();
  const server = greet();
  const failed = client.threads().catch((error: unknown) => error);
  server.hangUp(4513);
  expect(await failed).toMatchObject({ name: "ClosedError", closeCode: 4513 });
});

test("ids are the wire's: 1 to 64 printable characters, all different", () => {
  const { client } = world();
  const ids = Array.from({ length: 500 }, () => client.newId());
  expect(ids.every((id) => /^[\x21-\x7e]{1,64}$/.test(id))).toBe(true);
  expect(new Set(ids).size).toBe(500);
});

test("history and threads carry their page", async () => {
  const { client, greet } = world();
  client.connect();
  const server = greet();
  const history = client.history("th", { limit: 2, before: "m3" });
  expect(server.of("get_thread_history")[0]).toMatchObject({ thread_id: "th", payload: { limit: 2, before: "m3" } });
  server.answer("get_thread_history", { type: "thread_history", payload: { messages: [], has_more: true } });
  expect(await history).toEqual({ messages: [], has_more: true });
  await settle();
});
