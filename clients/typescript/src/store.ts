// A value with subscribers. Subscribers are told after every change and never see a half-made one.

export interface Store<State> {
  get(): State;
  set(state: State): void;
  subscribe(listener: (state: State) => void): () => void;
}

/** `same` decides what counts as no change; by default identity. */
export function createStore<State>(initial: State, same: (a: State, b: State) => boolean = Object.is): Store<State> {
  let current = initial;
  const listeners = new Set<(state: State) => void>();
  return {
    get: () => current,
    set(state) {
      if (same(current, state)) return;
      current = state;
      for (const listener of [...listeners]) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
