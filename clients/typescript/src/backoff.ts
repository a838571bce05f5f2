// When to come back after a close, and whether at all (protocol.md, "Errors and close codes").

import type { Random } from "./ports.ts";

export const BASE_MS = 500;
export const CAP_MS = 30_000;

/** The server did not accept the token: reconnecting with the same one is pointless. */
export const TOKEN_REFUSED = 4401;

/** 4500-4999 say "do not come back"; every other close, 1006 included, is worth another try. */
export function mayReconnect(code: number): boolean {
  return code < 4500 || code > 4999;
}

/** Full jitter: uniform between 0 and the doubled base, so that a storm spreads itself out. */
export function delayBefore(attempt: number, random: Random): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** attempt);
}
