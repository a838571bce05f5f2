// A server that says what the test says, and a clock that moves when the test says.

import { NetraClient, type ClientOptions, type Clock, type SocketLike } from "../src/index.ts";

export class VirtualClock implements Clock {
  private time = 0;
  private timers: { at: number; call: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Runs every timer that falls due, in order. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.time = due.at;
      due.call();
    }
    this.time = end;
  }
}

export type Sent = { type: string; id?: string; thread_id?: string; payload?: Record<string, unknown> };

/** One accepted connection, from the server's side. */
export class ServerSide implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly received: Sent[] = [];
  closedByClient = false;

  constructor(readonly url: string, readonly protocols: string[]) {}

  send(data: string): void {
    this.received.push(JSON.parse(data) as Sent);
  }
  close(): void {
    this.closedByClient = true;
  }
  accept(): void {
    this.onopen?.({} as never);
  }
  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }
  hangUp(code: number): void {
    this.onclose?.({ code } as never);
  }
  /** The frames of one type, as received. */
  of(type: string): Sent[] {
    return this.received.filter((frame) => frame.type === type);
  }
  /** Answers the last frame of `type`. */
  answer(type: string, frame: object): void {
    this.say({ reply_to: this.of(type).at(-1)?.id, ...frame });
  }
}

export interface World {
  client: NetraClient;
  clock: VirtualClock;
  sockets: ServerSide[];
  /** The newest connection. */
  server(): ServerSide;
  /** Lets the wait before the next attempt pass. */
  comeBack(): void;
  /** Accepts the newest connection and greets. */
  greet(payload?: object): ServerSide;
}

export function world(options: Partial<ClientOptions> = {}): World {
  const clock = new VirtualClock();
  const sockets: ServerSide[] = [];
  class Socket extends ServerSide {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  let drawn = 0;
  const random = () => ((drawn = (drawn * 16807 + 11) % 2147483647) % 1000) / 1000;
  const client = new NetraClient({ url: "ws://test/ws", Socket, clock, random, ...options });
  const server = () => sockets.at(-1) as ServerSide;
  const greet = (payload: object = {}) => {
    server().accept();
    server().say({ type: "connected", payload: { ...GREETING, ...payload } });
    return server();
  };
  const comeBack = () => clock.advance(client.state.get().retryInMs ?? 0);
  return { client, clock, sockets, server, comeBack, greet };
}

export const GREETING = {
  user_id: "u", tenant_id: "t", connection_id: "c", epoch: "e1", head: 10, heartbeat_s: 15,
  max_frame_bytes: 65536, server_version: "0",
};

export function thought(seq: number, text = `thought ${seq}`) {
  return { type: "agent_thinking", seq, thread_id: "th", run_id: "r", payload: { text } };
}

/** Lets promise callbacks run; no time passes. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}
