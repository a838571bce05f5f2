// One WebSocket from opening to close: JSON in, JSON out. Knows no frame type and never reconnects.

import { SUBPROTOCOL, type ClientFrame, type ServerFrame } from "./messages.ts";
import type { SocketConstructor } from "./ports.ts";

/** What the socket reports; after `closed` it reports nothing more. */
export interface SocketEvents {
  open(): void;
  frame(frame: ServerFrame): void;
  closed(code: number): void;
}

export interface Socket {
  send(frame: ClientFrame): void;
  /** Closes it and reports `closed` at once, because a dead peer never answers a close. */
  drop(code?: number): void;
}

export function openSocket(url: string, Constructor: SocketConstructor, events: SocketEvents): Socket {
  const raw = new Constructor(url, [SUBPROTOCOL]);
  let ended = false;
  const end = (code: number) => {
    if (ended) return;
    ended = true;
    events.closed(code);
  };
  raw.onopen = () => {
    if (!ended) events.open();
  };
  raw.onmessage = (event: { data: unknown }) => {
    const frame = ended ? null : parse(event.data);
    if (frame !== null) events.frame(frame);
  };
  raw.onclose = (event: { code: number }) => end(event.code);
  raw.onerror = () => undefined; // a close with 1006 always follows
  return {
    send: (frame) => raw.send(JSON.stringify(frame)),
    drop(code = 1006) {
      raw.close(1000);
      end(code);
    },
  };
}

/** Something that is no frame at all is skipped like an unknown type: the stream's `seq` finds losses. */
function parse(data: unknown): ServerFrame | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    return isFrame(value) ? (value as unknown as ServerFrame) : null;
  } catch {
    return null;
  }
}

function isFrame(value: unknown): value is { type: string; payload: object } {
  if (typeof value !== "object" || value === null) return false;
  const { type, payload } = value as { type?: unknown; payload?: unknown };
  return typeof type === "string" && typeof payload === "object" && payload !== null;
}
