// The tenant's runs: what waits and runs, then what ended last. A run can be looked into, cancelled, and tried again.

import { useState } from "react";
import type { TenantRun } from "./api.ts";
import { Nothing, Panel } from "./Panel.tsx";
import { RunButton } from "./RunButton.tsx";
import { canRetry, clock, isOpen, millis, runTimes, short } from "./shape.ts";

interface RunsProps {
  runs: readonly TenantRun[];
  selected: string | null;
  select: (runId: string | null) => void;
  changed: () => void;
}

type Kind = "all" | "open" | "ended";
const KINDS: readonly [Kind, string][] = [["all", "All"], ["open", "Open"], ["ended", "Ended"]];
const STATUS = { queued: "Queued", running: "Running", completed: "Completed", stopped: "Stopped", failed: "Failed", timed_out: "Timed out" };

export function Runs({ runs, selected, select, changed }: RunsProps) {
  const [kind, setKind] = useState<Kind>("all");
  const shown = runs.filter((run) => kind === "all" || isOpen(run) === (kind === "open"));
  const now = Date.now();
  const choice = (
    <span className="segments" role="group" aria-label="Which runs">
      {KINDS.map(([each, word]) => (
        <button key={each} type="button" className="quiet small" aria-pressed={kind === each} onClick={() => setKind(each)}>
          {word}
        </button>
      ))}
    </span>
  );
  return (
    <Panel title="Runs" id="runs" testId="runs" aside={choice}>
      {shown.length === 0 ? (
        <Nothing>No runs here yet. They appear with the first message.</Nothing>
      ) : (
        <div className="table-scroll" tabIndex={0} role="group" aria-label="Runs, table">
          <table className="rows">
            <thead>
              <tr>
                <th>Run</th>
                <th>Status</th>
                <th className="wide-only">User</th>
                <th className="wide-only">Agent</th>
                <th className="wide-only">Lane</th>
                <th className="number wide-only">Waited</th>
                <th className="number">Took</th>
                <th className="number wide-only">Since</th>
                <th>
                  <span className="only-spoken">Cancel or retry</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((run) => (
                <RunRow key={run.id} run={run} now={now} selected={run.id === selected} select={select} changed={changed} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

interface RowProps {
  run: TenantRun;
  now: number;
  selected: boolean;
  select: (runId: string | null) => void;
  changed: () => void;
}

function RunRow({ run, now, selected, select, changed }: RowProps) {
  const { waited, took } = runTimes(run, now);
  return (
    <tr data-testid="run-row" data-run-id={run.id} data-status={run.status} aria-selected={selected}>
      <td>
        <button type="button" className="link mono" aria-expanded={selected} aria-controls="timeline" onClick={() => select(selected ? null : run.id)} title={run.id}>
          {short(run.id)}
        </button>
      </td>
      <td>
        <span className="status" data-status={run.status}>
          {run.stopping ? "Stopping" : STATUS[run.status]}
        </span>
        {run.error !== undefined && <span className="faint mono"> {run.error}</span>}
        {run.attempts > 1 && <span className="faint"> attempt {run.attempts}</span>}
        {run.retry_of !== undefined && <Other word="retry of" id={run.retry_of} select={select} />}
        {run.retried_as !== undefined && <Other word="tried again as" id={run.retried_as} select={select} />}
      </td>
      <td className="mono wide-only" title={run.user_id}>
        {short(run.user_id)}
      </td>
      <td className="wide-only">{run.agent ?? "default"}</td>
      <td className="wide-only">{run.lane}</td>
      <td className="number wide-only">{millis(waited)}</td>
      <td className="number">{millis(took)}</td>
      <td className="number wide-only">{clock(run.created_at)}</td>
      <td className="number">
        {isOpen(run) && !run.stopping && <RunButton deed="cancel" run={run} changed={changed} />}
        {canRetry(run) && <RunButton deed="retry" run={run} changed={changed} />}
      </td>
    </tr>
  );
}

function Other({ word, id, select }: { word: string; id: string; select: (runId: string) => void }) {
  return (
    <span className="faint">
      {" "}
      {word}{" "}
      <button type="button" className="link mono" onClick={() => select(id)} title={id}>
        {short(id)}
      </button>
    </span>
  );
}
