// What is seen before it is known who is there.

import { Mark } from "./Icon.tsx";

export function Splash({ retry }: { retry?: () => void }) {
  return (
    <main className="splash" aria-busy={retry === undefined}>
      <Mark />
      {retry === undefined ? (
        <p className="faint">Loading…</p>
      ) : (
        <>
          <p role="alert">The server cannot be reached.</p>
          <button type="button" className="primary" onClick={retry}>
            Try again
          </button>
        </>
      )}
    </main>
  );
}
