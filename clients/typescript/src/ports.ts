// What the client needs from its surroundings. The defaults are the browser's own;
// tests pass a scripted socket, a virtual clock and a fixed random source.

/** The part of `WebSocket` that is used. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

export interface Clock {
  /** Milliseconds on a clock that never runs backwards. */
  now(): number;
  /** Runs `call` once after `ms`; the returned function cancels it. */
  after(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** A number in [0, 1). */
export type Random = () => number;

const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz";

/**
 * A frame id: unique per user with 24 characters of 36 (124 bits), well inside the
 * wire's 64. `crypto` by default, because two tabs must never draw the same id.
 */
export function frameId(random: Random = cryptoRandom): string {
  let id = "";
  while (id.length < 24) id += LETTERS[Math.floor(random() * LETTERS.length)];
  return id;
}

export function cryptoRandom(): number {
  const word = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  return word / 2 ** 32;
}
