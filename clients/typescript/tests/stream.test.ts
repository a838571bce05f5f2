import { expect, test } from "vitest";
import { settle, thought, world, type World } from "./scripted.ts";

function listening(options = {}): World & { seqs: number[]; resyncs: string[] } {
  const made = world(options);
  const seqs: number[] = [];
  const resyncs: string[] = [];
  made.client.on("event", ({ seq }) => seqs.push(seq));
  made.client.on("resync", ({ reason }) => resyncs.push(reason));
  made.client.connect();
  return { ...made, seqs, resyncs };
}

test("without state there is no resume and the stream starts at head + 1", () => {
  const { greet, seqs } = listening();
  const server = greet({ head: 10 });
  for (const seq of [10, 11, 12]) server.say(thought(seq));
  expect([server.of("resume"), seqs]).toEqual([[], [11, 12]]);
});

test("resume is the first frame of a later connection and says where we stand", () => {
  const { client, comeBack, greet } = listening();
  greet().say(thought(11));
  client.follow("th");
  void client.sendMessage({ text: "hi" }).catch(() => undefined);
  greet().hangUp(1006);
  comeBack();
  const types = greet().received.map(({ type, payload }) => [type, payload]);
  expect(types).toEqual([["resume", { epoch: "e1", after: 11 }], ["user_message", { text: "hi" }], ["follow", {}]]);
});

test("a position from an earlier program is continued", () => {
  const { greet } = listening({ position: { epoch: "e1", after: 4 } });
  expect(greet().received[0]).toMatchObject({ type: "resume", payload: { epoch: "e1", after: 4 } });
});

test("each event arrives once and in order though some come twice, late or not at all", () => {
  const { greet, seqs } = listening();
  const server = greet();
  for (const seq of [11, 11, 13, 14]) server.say(thought(seq)); // 12 is lost
  expect([seqs, server.of("resume").map((frame) => frame.payload)]).toEqual([[11], [{ epoch: "e1", after: 11 }]]);
  for (const seq of [12, 13, 14]) server.say(thought(seq));
  server.answer("resume", { type: "resumed", payload: { head: 14 } });
  server.say(thought(15));
  expect([seqs, server.of("resume").length]).toEqual([[11, 12, 13, 14, 15], 1]);
});

test.each(["heartbeat", "pong"])("a %s that is ahead asks for what was missed", (type) => {
  const { greet } = listening();
  const server = greet();
  server.say({ type, payload: { head: 10 } });
  expect(server.of("resume")).toEqual([]);
  server.say({ type, payload: { head: 12 } });
  server.say({ type, payload: { head: 12 } });
  expect(server.of("resume").length).toBe(1);
});

test("a resume that brings nothing is asked again after a pause, not in a spin", () => {
  const { clock, greet } = listening();
  const server = greet();
  server.say({ type: "heartbeat", payload: { head: 12 } });
  server.answer("resume", { type: "resumed", payload: { head: 12 } });
  expect(server.of("resume").length).toBe(1);
  clock.advance(1_000);
  expect(server.of("resume").length).toBe(2);
});

test("resync moves to the server's head and epoch and says so", () => {
  const { comeBack, greet, resyncs, seqs } = listening();
  greet().hangUp(1006);
  comeBack();
  const server = greet({ epoch: "e2", head: 3 });
  server.answer("resume", { type: "resync", payload: { reason: "epoch", head: 3 } });
  server.say(thought(4));
  expect([resyncs, seqs]).toEqual([["epoch"], [4]]);
  server.hangUp(1006);
  comeBack();
  expect(greet({ epoch: "e2" }).received[0]?.payload).toEqual({ epoch: "e2", after: 4 });
});

test("a refused position is a resync, a busy server is asked again", () => {
  const { clock, greet, resyncs } = listening({ position: { epoch: "e1", after: 4 } });
  const server = greet({ head: 10 });
  server.answer("resume", { type: "error", payload: { code: "degraded", message: "", retryable: true, retry_after_ms: 3000 } });
  clock.advance(2_999);
  expect(server.of("resume").length).toBe(1);
  clock.advance(1);
  expect([server.of("resume").length, resyncs]).toEqual([2, []]);
  server.answer("resume", { type: "error", payload: { code: "bad_resume", message: "", retryable: false } });
  expect(resyncs).toEqual(["bad_resume"]);
});

test("another user: nothing pending is sent as them and everything is reloaded", async () => {
  const { client, greet, resyncs } = listening();
  const first = greet();
  const failed = client.sendMessage({ text: "secret" }).catch((error: Error) => error.name);
  client.follow("th");
  first.hangUp(4401);
  client.connect();
  const server = greet({ user_id: "somebody else" });
  await settle();
  expect([server.received, await failed, resyncs]).toEqual([[], "ClosedError", ["user"]]);
});

test("unknown frame types and rubbish are skipped", () => {
  const { client, greet, server } = listening();
  greet().say({ type: "from_the_future", payload: {} });
  server().onmessage?.({ data: "{" } as never);
  server().say(["no frame"]);
  expect(client.state.get().status).toBe("connected");
});
