// Cancels a run or tries it again, at the second press: the first one asks, and forgets after a few seconds.

import { useEffect, useState } from "react";
import { cancel, Refused, retry, type TenantRun } from "./api.ts";
import { short } from "./shape.ts";

type Deed = "cancel" | "retry";
type State = "idle" | "sure" | "busy" | "failed";

interface RunButtonProps {
  deed: Deed;
  run: TenantRun;
  changed: () => void;
}

const SURE_MS = 5_000;
const DEEDS = { cancel, retry };

export function RunButton({ deed, run, changed }: RunButtonProps) {
  const [state, setState] = useState<State>("idle");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (state !== "sure") return;
    const timer = setTimeout(() => setState("idle"), SURE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const failed = (error: unknown) => {
    setProblem(error instanceof Refused ? error.message : "The server cannot be reached.");
    setState("failed");
  };
  const press = () => {
    if (state !== "sure") return setState("sure");
    setState("busy");
    DEEDS[deed](run.id).then(changed, failed);
  };
  return (
    <>
      <button type="button" className={`small ${deed}`} data-testid={`run-${deed}`} data-state={state} disabled={state === "busy"} onClick={press} aria-label={`${WORDS[deed][state]}: run ${short(run.id)}`}>
        {WORDS[deed][state]}
      </button>
      <span role="alert" className="refusal">
        {state === "failed" ? problem : ""}
      </span>
    </>
  );
}

const WORDS: Record<Deed, Record<State, string>> = {
  cancel: { idle: "Cancel", sure: "Really?", busy: "Cancelling", failed: "Cancel" },
  retry: { idle: "Retry", sure: "Really?", busy: "Retrying", failed: "Retry" },
};
