// Notices that nothing has arrived for too long. One timer a period, however many frames arrive.

import type { Clock } from "./ports.ts";

export class Watchdog {
  private last = 0;
  private cancel: (() => void) | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly expired: () => void,
  ) {}

  start(silenceMs: number): void {
    this.stop();
    this.fed();
    this.arm(silenceMs, silenceMs);
  }

  /** Something arrived. */
  fed(): void {
    this.last = this.clock.now();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = null;
  }

  private arm(silenceMs: number, wait: number): void {
    this.cancel = this.clock.after(wait, () => {
      const left = silenceMs - (this.clock.now() - this.last);
      if (left > 0) this.arm(silenceMs, left);
      else this.expired();
    });
  }
}
