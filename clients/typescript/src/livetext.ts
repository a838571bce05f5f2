// The text of messages being written, put together from deltas. Offsets count code points.
// A delta that does not fit is never guessed at: the thread is followed again for a snapshot.

import { codePointLength } from "./codepoints.ts";
import type { MessageDeltaPayload, MessageSnapshotPayload } from "./messages.ts";

export interface LiveMessage {
  messageId: string;
  threadId: string;
  runId: string | undefined;
  text: string;
}

/** The ids that travel beside a live payload. */
export interface Where {
  thread_id?: string;
  run_id?: string;
}

export class LiveText {
  private readonly held = new Map<string, LiveMessage & { length: number }>();
  private readonly asked = new Set<string>();

  /** `follow` asks the server for snapshots of the thread; `changed` hears every new text. */
  constructor(
    private readonly follow: (threadId: string) => void,
    private readonly changed: (message: LiveMessage) => void,
  ) {}

  delta(where: Where, { message_id, offset, text }: MessageDeltaPayload): void {
    const held = this.held.get(message_id);
    if (offset !== (held?.length ?? 0)) return this.ask(where.thread_id);
    this.hold(where, message_id, (held?.text ?? "") + text, offset + codePointLength(text));
  }

  snapshot(where: Where, { message_id, text }: MessageSnapshotPayload): void {
    this.hold(where, message_id, text, codePointLength(text));
  }

  /** The answer to `follow` came or cannot come: a further misfit asks again. */
  settled(threadId: string | undefined): void {
    if (threadId !== undefined) this.asked.delete(threadId);
  }

  /** The message is complete or its attempt is over: its live text means nothing any more. */
  forgetRun(runId: string): void {
    for (const [id, message] of this.held) if (message.runId === runId) this.held.delete(id);
  }

  forgetThread(threadId: string): void {
    this.asked.delete(threadId);
    for (const [id, message] of this.held) if (message.threadId === threadId) this.held.delete(id);
  }

  /** The connection is gone; what was asked on it will not be answered. */
  lost(): void {
    this.asked.clear();
  }

  private hold(where: Where, messageId: string, text: string, length: number): void {
    const threadId = where.thread_id ?? this.held.get(messageId)?.threadId;
    if (threadId === undefined) return;
    const message = { messageId, threadId, runId: where.run_id, text, length };
    this.held.set(messageId, message);
    this.changed(message);
  }

  private ask(threadId: string | undefined): void {
    if (threadId === undefined || this.asked.has(threadId)) return;
    this.asked.add(threadId);
    this.follow(threadId);
  }
}
