// State that is loaded once and then kept up to date by events: load, apply, reload on resync.
// Works while somebody subscribes and rests otherwise.

import type { NetraClient } from "./client.ts";
import type { DurableEvent } from "./messages.ts";
import { createStore } from "./store.ts";

export interface CollectionRules<State> {
  initial: State;
  load(): Promise<State>;
  /** Must be idempotent: an event that the loaded state already holds may be applied again. */
  apply(state: State, event: DurableEvent): State;
}

export interface Collection<State> {
  get(): State;
  set(state: State): void;
  subscribe(listener: (state: State) => void): () => void;
  /** Loads anew; resolves when the fresh state is there. Rejects with what `load` rejected with. */
  refresh(): Promise<void>;
}

export function createCollection<State>(client: NetraClient, rules: CollectionRules<State>): Collection<State> {
  const store = createStore(rules.initial);
  let subscribers = 0;
  let latest = 0;
  let since: DurableEvent[] | null = null; // events during a load, applied again on top of what it brought
  let stop: (() => void)[] = [];

  async function refresh(): Promise<void> {
    const mine = ++latest;
    const missed: DurableEvent[] = (since = []);
    const loaded = await rules.load();
    if (mine !== latest) return; // a later refresh overtook this one
    since = null;
    store.set(missed.reduce(rules.apply, loaded));
  }

  function start(): void {
    const reload = () => void refresh().catch(() => undefined); // failed for good only when the client closed
    stop = [
      client.on("event", (event) => {
        since?.push(event);
        store.set(rules.apply(store.get(), event));
      }),
      client.on("resync", reload),
    ];
    reload();
  }

  return {
    get: store.get,
    set: store.set,
    refresh,
    subscribe(listener) {
      if (subscribers++ === 0) start();
      const unsubscribe = store.subscribe(listener);
      return () => {
        unsubscribe();
        if (--subscribers === 0) for (const end of stop) end();
      };
    },
  };
}
