// Cancels a run at the second press: the first one asks, and forgets after a few seconds.

import { useEffect, useState } from "react";
import { cancel, type TenantRun } from "./api.ts";
import { short } from "./shape.ts";

const SURE_MS = 5_000;
type State = "idle" | "sure" | "busy" | "failed";

export function CancelButton({ run, changed }: { run: TenantRun; changed: () => void }) {
  const [state, setState] = useState<State>("idle");
  useEffect(() => {
    if (state !== "sure" && state !== "failed") return;
    const timer = setTimeout(() => setState("idle"), SURE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const press = () => {
    if (state !== "sure") return setState("sure");
    setState("busy");
    cancel(run.id).then(changed, () => setState("failed"));
  };
  return (
    <>
      <button type="button" className="small cancel" data-testid="run-cancel" data-state={state} disabled={state === "busy"} onClick={press} aria-label={`${WORDS[state]}: run ${short(run.id)}`}>
        {WORDS[state]}
      </button>
      <span role="alert" className="only-spoken">
        {state === "failed" ? "The run could not be cancelled. Try again." : ""}
      </span>
    </>
  );
}

const WORDS: Record<State, string> = { idle: "Cancel", sure: "Really?", busy: "Cancelling", failed: "Failed, again?" };
