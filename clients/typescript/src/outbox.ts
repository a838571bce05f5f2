// Frames that wait for their one answer. They keep their id over reconnects, so the server stores
// a message once however often it is sent again.

import { ClosedError, NetraError } from "./errors.ts";
import type { ClientFrame, ServerFrame } from "./messages.ts";

interface Waiting {
  frame: ClientFrame;
  resolve(answer: ServerFrame): void;
  reject(error: Error): void;
}

export class Outbox {
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly send: (frame: ClientFrame) => boolean) {}

  /**
   * Sends `frame` now or as soon as there is a connection.
   * Rejects with `NetraError` when the server refuses it, `ClosedError` when it can no longer be sent.
   */
  ask(frame: ClientFrame & { id: string }): Promise<ServerFrame> {
    return new Promise((resolve, reject) => {
      this.waiting.set(frame.id, { frame, resolve, reject });
      this.send(frame);
    });
  }

  /** True when `frame` was the answer to something asked here. */
  answer(frame: ServerFrame): boolean {
    const waiting = frame.reply_to === undefined ? undefined : this.waiting.get(frame.reply_to);
    if (frame.reply_to === undefined || waiting === undefined) return false;
    this.waiting.delete(frame.reply_to);
    if (frame.type === "error") waiting.reject(new NetraError(frame.payload));
    else waiting.resolve(frame);
    return true;
  }

  /** After a reconnect: everything unanswered, in the order in which it was asked. */
  resend(): void {
    for (const { frame } of this.waiting.values()) this.send(frame);
  }

  fail(closeCode?: number): void {
    const failed = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of failed) reject(new ClosedError(closeCode));
  }
}
