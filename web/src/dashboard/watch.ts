// Looks again and again: never twice at once, not while nobody sees it, ever more rarely while it fails.

import { createStore, type Store } from "netra-client";
import { Refused, type Look } from "./api.ts";

/** Milliseconds between looks. */
export const EVERY_MS = 2_000;
export const RARELY_MS = 30_000;

export interface Watched {
  look: Look | null;
  /** The run that `look` was asked to trace. */
  runId: string | null;
  state: "loading" | "live" | "failing" | "paused" | "forbidden";
  /** Why it fails, in a sentence. */
  problem: string | null;
}

export interface Timers {
  set: (callback: () => void, ms: number) => unknown;
  clear: (timer: unknown) => void;
}

const browserTimers: Timers = {
  set: (callback, ms) => setTimeout(callback, ms),
  clear: (timer) => clearTimeout(timer as number),
};

export class Watch {
  readonly state: Store<Watched> = createStore<Watched>({ look: null, runId: null, state: "loading", problem: null });
  private timer: unknown = null;
  private asking = false;
  private again = false;
  private failures = 0;
  private running = false;
  private runId: string | null = null;

  constructor(
    private readonly ask: (runId: string | null) => Promise<Look>,
    private readonly expired: () => void,
    private readonly timers: Timers = browserTimers,
  ) {}

  start(): void {
    this.running = true;
    if (this.state.get().state === "paused") this.put({ state: this.state.get().look === null ? "loading" : "live" });
    this.now();
  }

  /** Nothing is asked any more. */
  stop(): void {
    this.running = false;
    this.timers.clear(this.timer);
  }

  pause(): void {
    this.stop();
    this.put({ state: "paused" });
  }

  /** Trace this run from now on. */
  select(runId: string | null): void {
    this.runId = runId;
    if (this.running) this.now();
  }

  /** Look now, or right after the look that is under way. */
  now(): void {
    if (!this.running) return;
    this.timers.clear(this.timer);
    if (this.asking) this.again = true;
    else void this.once();
  }

  private async once(): Promise<void> {
    const runId = this.runId;
    this.asking = true;
    this.again = false;
    try {
      const look = await this.ask(runId);
      this.failures = 0;
      if (this.running) this.put({ look, runId, state: "live", problem: null });
    } catch (error) {
      this.failed(error);
    } finally {
      this.asking = false;
    }
    if (!this.running) return;
    this.timer = this.timers.set(() => this.now(), this.again ? 0 : Math.min(RARELY_MS, EVERY_MS * 2 ** this.failures));
  }

  private failed(error: unknown): void {
    if (!this.running) return;
    const status = error instanceof Refused ? error.status : 0;
    this.failures = Math.min(this.failures + 1, 10);
    if (status === 401 || status === 403) this.stop();
    if (status === 401) this.expired();
    else if (status === 403) this.put({ state: "forbidden" });
    else this.put({ state: "failing", problem: error instanceof Refused ? error.message : "The server cannot be reached." });
  }

  private put(change: Partial<Watched>): void {
    this.state.set({ ...this.state.get(), ...change });
  }
}
