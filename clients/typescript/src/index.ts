// Everything public, in one place.

export { BASE_MS, CAP_MS, delayBefore, mayReconnect } from "./backoff.ts";
export {
  NetraClient, type Accepted, type ClientEvents, type ClientOptions, type CommandOptions,
} from "./client.ts";
export { codePointLength } from "./codepoints.ts";
export { createCollection, type Collection, type CollectionRules } from "./collection.ts";
export type { ConnectionState, ConnectionStatus, TokenProvider } from "./connection.ts";
export { ClosedError, NetraError } from "./errors.ts";
export type { LiveMessage } from "./livetext.ts";
export * from "./messages.ts";
export { frameId, systemClock, type Clock, type Random, type SocketConstructor, type SocketLike } from "./ports.ts";
export { createStore, type Store } from "./store.ts";
export type { Position } from "./stream.ts";
export { applyToThreads, createThreads, type ThreadCollection, type ThreadList } from "./threads.ts";
