// Why something that was asked of the server did not happen. The message is plain text for people.

import type { ErrorCode, ErrorPayload } from "./messages.ts";

/** The server refused a frame. `code` is stable; `retryable` says whether asking again can help. */
export class NetraError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly path: string | undefined;

  constructor(payload: ErrorPayload) {
    super(payload.message);
    this.name = "NetraError";
    this.code = payload.code;
    this.retryable = payload.retryable;
    this.retryAfterMs = payload.retry_after_ms;
    this.path = payload.path;
  }
}

/** The client was closed, or the server does not want this client back, before an answer came. */
export class ClosedError extends Error {
  readonly closeCode: number | undefined;

  constructor(closeCode?: number) {
    super("The connection is closed; nothing more will be sent on it.");
    this.name = "ClosedError";
    this.closeCode = closeCode;
  }
}
