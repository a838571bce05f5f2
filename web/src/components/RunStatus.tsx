// Where the run stands, in one line; how it ended, with what to do when that was not well.

import { isActive, type Run } from "../state/run.ts";
import { duration, explainRun } from "../state/words.ts";
import { Icon } from "./Icon.tsx";

interface RunStatusProps {
  run: Run;
  /** Asks the same again; null when the question is not at hand. */
  again: (() => void) | null;
}

export function RunStatus({ run, again }: RunStatusProps) {
  const state = run.stopping ? "stopping" : run.status;
  return (
    <div className="run-status" data-testid="run-status" data-status={state}>
      {isActive(run) ? <Going run={run} state={state} /> : <Ended run={run} again={again} />}
    </div>
  );
}

const GOING: Record<string, string> = { queued: "Waiting for a worker", running: "Working", stopping: "Stopping" };

function Going({ run, state }: { run: Run; state: string }) {
  return (
    <>
      <span className="pulse" aria-hidden="true"><i /><i /><i /></span>
      <span>{run.text !== "" && state === "running" ? "Writing" : GOING[state]}</span>
      {run.attempt > 1 && <span className="faint">attempt {run.attempt}</span>}
    </>
  );
}

function Ended({ run, again }: RunStatusProps) {
  switch (run.status) {
    case "completed":
      return <span className="faint">{facts(run).join(" · ")}</span>;
    case "stopped":
      return (
        <>
          <Icon name="stop" />
          <span>You stopped this answer.{run.text === "" ? "" : " What was written is kept."}</span>
        </>
      );
    default:
      return (
        <>
          <Icon name="cross" />
          <span>{explainRun(run)}</span>
          {again === null ? (
            <span className="faint">Send the message again to retry.</span>
          ) : (
            <button type="button" className="quiet small" onClick={again}>
              <Icon name="retry" /> Ask again
            </button>
          )}
        </>
      );
  }
}

function facts({ agent, durationMs, attempt, usage }: Run): string[] {
  const made = agent === "" ? [] : [agent];
  if (durationMs !== undefined) made.push(duration(durationMs));
  if (usage !== undefined) made.push(`${usage.input_tokens + usage.output_tokens} tokens`);
  if (attempt > 1) made.push(`${attempt} attempts`);
  return made;
}
