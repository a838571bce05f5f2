import { expect, test } from "vitest";
import { codePointLength } from "../src/index.ts";
import { world, type ServerSide } from "./scripted.ts";

const WHERE = { thread_id: "th", run_id: "r" };
const delta = (offset: number, text: string) => ({ type: "message_delta", ...WHERE, payload: { message_id: "m", offset, text } });
const snapshot = (text: string) => ({ type: "message_snapshot", ...WHERE, payload: { message_id: "m", text } });

function following(): { server: ServerSide; texts: string[]; client: ReturnType<typeof world>["client"]; clock: ReturnType<typeof world>["clock"] } {
  const { client, clock, greet } = world();
  const texts: string[] = [];
  client.on("text", ({ text }) => texts.push(text));
  client.connect();
  return { server: greet(), texts, client, clock };
}

test.each([["", 0], ["abc", 3], ["é", 1], ["👋🏽", 2], ["a👋b", 3], ["\ud83d", 1], ["\udc4b\ud83d", 2]])(
  "%j has %i code points",
  (text, length) => expect(codePointLength(text)).toBe(length),
);

test("deltas fit by code points, not by UTF-16 units", () => {
  const { server, texts } = following();
  server.say(delta(0, "hi 👋"));
  server.say(delta(4, " there"));
  expect([texts, server.of("follow")]).toEqual([["hi 👋", "hi 👋 there"], []]);
});

test("a delta that does not fit follows the thread again, once, and the snapshot heals it", () => {
  const { server, texts } = following();
  server.say(delta(0, "one "));
  server.say(delta(8, "three "));
  server.say(delta(14, "four "));
  expect(server.of("follow").map((frame) => frame.thread_id)).toEqual(["th"]);
  server.answer("follow", { type: "followed", payload: {} });
  server.say(snapshot("one two three four "));
  server.say(delta(19, "five"));
  expect([texts.at(-1), server.of("follow").length]).toEqual(["one two three four five", 1]);
});

test("a repeated delta is not appended twice", () => {
  const { server, texts } = following();
  server.say(delta(0, "one"));
  server.say(delta(0, "one"));
  expect([texts, server.of("follow").length]).toEqual([["one"], 1]);
});

test("a new attempt writes its answer anew", () => {
  const { server, texts } = following();
  server.say(delta(0, "half an ans"));
  server.say({ type: "agent_started", seq: 11, ...WHERE, payload: { agent: "a", attempt: 2, message_id: "m" } });
  server.say(delta(0, "A new one"));
  expect([texts.at(-1), server.of("follow")]).toEqual(["A new one", []]);
});

test("a refused follow is tried again when the server says so, and dropped when it makes no sense", () => {
  const { client, clock, server } = following();
  client.follow("th");
  server.answer("follow", { type: "error", payload: { code: "rate_limited", message: "", retryable: true, retry_after_ms: 200 } });
  clock.advance(200);
  expect(server.of("follow").length).toBe(2);
  server.answer("follow", { type: "error", payload: { code: "not_found", message: "", retryable: false } });
  clock.advance(60_000);
  expect(server.of("follow").length).toBe(2);
});
