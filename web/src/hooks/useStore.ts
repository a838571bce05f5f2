// A store of the client library as React state.

import { useSyncExternalStore } from "react";

export interface Readable<State> {
  get(): State;
  subscribe(listener: (state: State) => void): () => void;
}

export function useStore<State>(store: Readable<State>): State {
  return useSyncExternalStore(store.subscribe, store.get);
}
