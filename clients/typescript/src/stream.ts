// The user's durable events, each exactly once and in order, over any number of connections.
// A gap is closed by `resume`; what cannot be closed is reported as a resync, never hidden.

import type { ConnectedPayload, DurableEvent, ErrorPayload, ResyncPayload } from "./messages.ts";
import type { Clock } from "./ports.ts";

/** Where a client stands: the epoch of the event log and the last `seq` that it has. */
export interface Position {
  epoch: string;
  after: number;
}

export interface StreamOutlets {
  /** Sends `resume` from `position` and returns the frame's id. */
  resume(position: Position): string;
  deliver(event: DurableEvent): void;
  resync(payload: ResyncPayload): void;
}

const RETRY_MS = 1_000; // after a resume that brought nothing: do not spin

export class Stream {
  private pending: { id: string; after: number } | null = null;
  private cancelRetry: (() => void) | null = null;
  private epoch = "";

  constructor(
    private readonly clock: Clock,
    private readonly outlets: StreamOutlets,
    public position: Position | null = null,
  ) {}

  /** First thing on every connection, so that `resume` is its first frame when there is a position. */
  connected({ epoch, head }: ConnectedPayload): void {
    this.epoch = epoch;
    if (this.position === null) this.position = { epoch, after: head };
    else this.ask();
  }

  lost(): void {
    this.pending = null;
    this.cancelRetry?.();
    this.cancelRetry = null;
  }

  /** Another user: nothing of the old position holds. */
  reset(): void {
    this.lost();
    this.position = null;
  }

  receive(event: DurableEvent): void {
    if (this.position === null || event.seq <= this.position.after) return;
    if (event.seq > this.position.after + 1) return this.ask();
    this.position = { ...this.position, after: event.seq };
    this.outlets.deliver(event);
  }

  /** A heartbeat, a pong or a renewed `connected` told how far the log goes. */
  head(head: number): void {
    if (this.position !== null && head > this.position.after) this.ask();
  }

  resumed(head: number): void {
    const before = this.pending?.after;
    this.pending = null;
    if (this.position === null || head <= this.position.after) return;
    if (before === this.position.after) this.askAfter(RETRY_MS);
    else this.ask();
  }

  resync(payload: ResyncPayload): void {
    this.pending = null;
    this.position = { epoch: this.epoch, after: payload.head };
    this.outlets.resync(payload);
  }

  /** True when `replyTo` is our resume: an unusable position is a resync, a busy server is asked again. */
  refused(replyTo: string | undefined, error: ErrorPayload, head: number): boolean {
    if (this.pending === null || replyTo !== this.pending.id) return false;
    this.pending = null;
    if (error.retryable) this.askAfter(error.retry_after_ms ?? RETRY_MS);
    else this.resync({ reason: error.code, head });
    return true;
  }

  private ask(): void {
    if (this.pending !== null || this.cancelRetry !== null || this.position === null) return;
    this.pending = { id: this.outlets.resume(this.position), after: this.position.after };
  }

  private askAfter(ms: number): void {
    this.cancelRetry = this.clock.after(ms, () => {
      this.cancelRetry = null;
      this.ask();
    });
  }
}
