// Keeps one authenticated connection alive: connect, authenticate, watch, come back, give up.
// Knows nothing of events, threads or pending requests; hands frames on.

import { delayBefore, mayReconnect, TOKEN_REFUSED } from "./backoff.ts";
import type { ClientFrame, ConnectedPayload, ServerFrame } from "./messages.ts";
import type { Clock, Random, SocketConstructor } from "./ports.ts";
import { openSocket, type Socket } from "./socket.ts";
import { createStore, type Store } from "./store.ts";
import { Watchdog } from "./watchdog.ts";

/** `offline`: nothing is tried any more until `connect()` is called. */
export type ConnectionStatus = "connecting" | "connected" | "reconnecting" | "offline";

export interface ConnectionState {
  status: ConnectionStatus;
  /** Failed attempts since the connection last held. */
  attempt: number;
  /** Milliseconds until the next attempt, as drawn; only while waiting for it. */
  retryInMs?: number;
  /** Why it is offline: not started or closed here, the token was refused, or the server said not to return. */
  reason?: "closed" | "token" | "refused";
  closeCode?: number;
}

/** Called for the first token and, with `refused`, whenever the server did not take the last one. */
export type TokenProvider = (why: { refused: boolean }) => string | Promise<string>;

export interface ConnectionOptions {
  url: string;
  Socket: SocketConstructor;
  clock: Clock;
  random: Random;
  /** Left out when the session cookie or a header of the upgrade authenticates. */
  token?: TokenProvider | undefined;
}

export interface ConnectionEvents {
  connected(payload: ConnectedPayload): void;
  frame(frame: ServerFrame): void;
  lost(): void;
}

const HANDSHAKE_MS = 10_000; // twice the server's 5 s for `authenticate`
const HEARTBEATS_MISSED = 2.5; // protocol: half-open connections are noticed within 40 s
const SETTLED_MS = 5_000; // a connection that held this long resets the backoff; one cut at once does not

export class Connection {
  readonly state: Store<ConnectionState>;
  private socket: Socket | null = null;
  private cancelRetry: (() => void) | null = null;
  private connectedAt: number | null = null;
  private drainMs: number | null = null;
  private refused = false;
  private readonly watchdog: Watchdog;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly events: ConnectionEvents,
  ) {
    this.state = createStore<ConnectionState>({ status: "offline", attempt: 0, reason: "closed" });
    this.watchdog = new Watchdog(options.clock, () => this.socket?.drop());
  }

  connect(): void {
    if (this.state.get().status !== "offline") return;
    this.refused = false;
    this.open("connecting", 0);
  }

  /** Closes for good; `connect` starts again. */
  close(): void {
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.state.set({ status: "offline", attempt: 0, reason: "closed" });
    this.socket?.drop(1000);
  }

  /** The network or the tab came back: do not wait for the timer. */
  wake(): void {
    if (this.cancelRetry === null) return;
    this.cancelRetry();
    this.open("reconnecting", this.state.get().attempt);
  }

  /** Shows a fresh token of the same user on the open connection; the answer is another `connected`. */
  renew(token: string): void {
    this.socket?.send({ type: "authenticate", payload: { token } });
  }

  /** False when not connected; the caller keeps what must not be lost. */
  send(frame: ClientFrame): boolean {
    if (this.connectedAt === null || this.socket === null) return false;
    this.socket.send(frame);
    return true;
  }

  private open(status: "connecting" | "reconnecting", attempt: number): void {
    this.cancelRetry = null;
    this.state.set({ status, attempt });
    this.watchdog.start(HANDSHAKE_MS);
    const socket: Socket = openSocket(this.options.url, this.options.Socket, {
      open: () => void this.authenticate(socket),
      frame: (frame) => this.receive(frame),
      closed: (code) => this.closed(code),
    });
    this.socket = socket;
  }

  private async authenticate(socket: Socket): Promise<void> {
    if (this.options.token === undefined) return;
    try {
      const token = await this.options.token({ refused: this.refused });
      if (this.socket === socket) this.renew(token);
    } catch {
      if (this.socket === socket && this.connectedAt === null) socket.drop();
    }
  }

  private receive(frame: ServerFrame): void {
    this.watchdog.fed();
    if (frame.type === "connected" && this.connectedAt === null) return this.greet(frame.payload);
    if (frame.type === "reconnect") this.drainMs = frame.payload.retry_after_ms;
    if (frame.type === "token_expiring" && this.socket !== null) void this.authenticate(this.socket);
    this.events.frame(frame);
  }

  private greet(payload: ConnectedPayload): void {
    this.connectedAt = this.options.clock.now();
    this.refused = false;
    this.watchdog.start(payload.heartbeat_s * 1000 * HEARTBEATS_MISSED);
    const attempt = this.state.get().attempt;
    this.events.connected(payload);
    this.state.set({ status: "connected", attempt });
  }

  private closed(code: number): void {
    const settled = this.connectedAt !== null && this.options.clock.now() - this.connectedAt >= SETTLED_MS;
    this.watchdog.stop();
    this.socket = null;
    this.connectedAt = null;
    this.events.lost();
    if (this.state.get().status === "offline") return; // closed here
    if (code === TOKEN_REFUSED && !this.mayAskForToken()) return this.giveUp("token", code);
    if (!mayReconnect(code)) return this.giveUp("refused", code);
    this.retry(settled ? 0 : this.state.get().attempt, code);
  }

  /** One fresh token per refusal: a second 4401 in a row means that the login itself is over. */
  private mayAskForToken(): boolean {
    const first = !this.refused;
    this.refused = true;
    return first && this.options.token !== undefined;
  }

  private giveUp(reason: "token" | "refused", closeCode: number): void {
    this.state.set({ status: "offline", attempt: 0, reason, closeCode });
  }

  private retry(attempt: number, closeCode: number): void {
    const jittered = delayBefore(attempt, this.options.random);
    const retryInMs = this.drainMs ?? jittered; // a draining server names a time and has staggered it itself
    this.drainMs = null;
    this.state.set({ status: "reconnecting", attempt: attempt + 1, retryInMs, closeCode });
    this.cancelRetry = this.options.clock.after(retryInMs, () => this.open("reconnecting", attempt + 1));
  }
}
