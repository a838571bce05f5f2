import { expect, test } from "vitest";
import { CAP_MS, delayBefore, mayReconnect } from "../src/index.ts";
import { GREETING, settle, world } from "./scripted.ts";

test("the subprotocol is offered", () => {
  const { client, server } = world();
  client.connect();
  expect([server().url, server().protocols]).toEqual(["ws://test/ws", ["netra.v1"]]);
});

test.each([[1001, true], [1006, true], [1012, true], [4000, true], [4008, true], [4499, true], [4500, false], [4503, false], [4999, false]])(
  "close code %i: reconnect is %s",
  (code, again) => {
    const { client, clock, greet, sockets } = world();
    client.connect();
    greet().hangUp(code);
    expect(client.state.get().status).toBe(again ? "reconnecting" : "offline");
    clock.advance(60_000);
    expect(sockets.length > 1).toBe(again);
    expect(mayReconnect(code)).toBe(again);
  },
);

test("delays have full jitter, double from half a second and stop at thirty", () => {
  const largest = (attempt: number) => delayBefore(attempt, () => 0.999999);
  expect([0, 1, 2, 5, 6, 20].map((attempt) => Math.round(largest(attempt)))).toEqual([500, 1000, 2000, 16000, CAP_MS, CAP_MS]);
  expect(delayBefore(6, () => 0)).toBe(0);
});

test("a connection that is cut at once does not reset the delays, one that held does", () => {
  const { client, clock, greet, server } = world({ random: () => 0.5 });
  const waits: number[] = [];
  client.state.subscribe(({ retryInMs }) => retryInMs !== undefined && waits.push(retryInMs));
  client.connect();
  for (let cut = 0; cut < 3; cut++) {
    greet().hangUp(1006);
    clock.advance(waits.at(-1) ?? 0);
  }
  greet();
  clock.advance(5_000);
  server().hangUp(1006);
  expect(waits).toEqual([250, 500, 1000, 250]);
});

test("a draining server's time is used for the next attempt only", () => {
  const { client, clock, greet, sockets } = world({ random: () => 0.5 });
  client.connect();
  const first = greet();
  first.say({ type: "reconnect", payload: { retry_after_ms: 7_000 } });
  first.hangUp(1012);
  clock.advance(6_999);
  expect(sockets.length).toBe(1);
  clock.advance(1);
  expect(sockets.length).toBe(2);
});

test("silence of two and a half heartbeats ends the connection, any frame puts it off", () => {
  const { client, clock, greet, server } = world();
  client.connect();
  greet({ heartbeat_s: 10 });
  clock.advance(24_999);
  server().say({ type: "heartbeat", payload: { head: 10 } });
  clock.advance(24_999);
  expect(client.state.get().status).toBe("connected");
  clock.advance(1);
  expect(client.state.get().status).toBe("reconnecting");
});

test("a handshake that never ends is given up", () => {
  const { client, clock, server } = world();
  client.connect();
  server().accept();
  clock.advance(10_000);
  expect([server().closedByClient, client.state.get().status]).toEqual([true, "reconnecting"]);
});

test("wake does not wait for the timer", () => {
  const { client, greet, sockets } = world();
  client.connect();
  greet().hangUp(1006);
  client.wake();
  expect(sockets.length).toBe(2);
});

test("close is final until connect", () => {
  const { client, clock, greet, sockets } = world();
  client.connect();
  greet();
  client.close();
  clock.advance(120_000);
  expect([client.state.get().status, sockets.length]).toEqual(["offline", 1]);
  client.connect();
  expect(sockets.length).toBe(2);
});

test("a token is sent as first frame and nothing else before connected", async () => {
  const { client, server } = world({ token: () => "jwt" });
  client.connect();
  void client.threads().catch(() => undefined);
  server().accept();
  await settle();
  expect(server().received).toEqual([{ type: "authenticate", payload: { token: "jwt" } }]);
});

test("4401 asks once for a fresh token, a second one in a row asks the user", async () => {
  const asked: boolean[] = [];
  const { client, comeBack, server, sockets } = world({ token: ({ refused }) => `t${asked.push(refused)}` });
  client.connect();
  for (let turn = 0; turn < 2; turn++) {
    server().accept();
    await settle();
    server().hangUp(4401);
    comeBack();
  }
  expect(asked).toEqual([false, true]);
  expect([client.state.get(), sockets.length]).toEqual([{ status: "offline", attempt: 0, reason: "token", closeCode: 4401 }, 2]);
});

test("a page with a cookie is told that its session ends, and may show a fresh token", () => {
  const { client, greet } = world();
  client.on("tokenExpiring", () => client.renew("fresh"));
  client.connect();
  const server = greet();
  server.say({ type: "token_expiring", payload: { seconds: 60 } });
  expect(server.received).toEqual([{ type: "authenticate", payload: { token: "fresh" } }]);
});

test("with a cookie, 4401 goes straight to the login", () => {
  const { client, greet } = world();
  client.connect();
  greet().hangUp(4401);
  expect(client.state.get()).toMatchObject({ status: "offline", reason: "token" });
});

test("token_expiring renews in band without disturbing the stream", async () => {
  const { client, greet } = world({ token: () => "jwt" });
  client.connect();
  const server = greet();
  await settle();
  server.say({ type: "token_expiring", payload: { seconds: 60 } });
  await settle();
  server.say({ type: "connected", payload: GREETING });
  expect([server.of("authenticate").length, server.of("resume").length, client.state.get().status]).toEqual([2, 0, "connected"]);
});
