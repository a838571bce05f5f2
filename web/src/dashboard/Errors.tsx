// What went wrong, grouped by cause.

import type { ErrorGroup } from "./api.ts";
import { Nothing, Panel } from "./Panel.tsx";
import { clock, short } from "./shape.ts";

export function Errors({ errors, select }: { errors: readonly ErrorGroup[]; select: (runId: string) => void }) {
  return (
    <Panel title="Errors" note="by cause: runs of 24 hours, frames since the gateways started" testId="errors">
      {errors.length === 0 ? (
        <Nothing>Nothing went wrong.</Nothing>
      ) : (
        <div className="table-scroll" tabIndex={0} role="group" aria-label="Errors, table">
          <table className="rows">
            <thead>
              <tr>
                <th>Cause</th>
                <th className="wide-only">What</th>
                <th className="number">Count</th>
                <th className="number wide-only">First seen</th>
                <th className="number">Last seen</th>
                <th>Last run</th>
              </tr>
            </thead>
            <tbody>
              {errors.map((error) => (
                <ErrorRow key={`${error.kind} ${error.agent} ${error.cause}`} error={error} select={select} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function ErrorRow({ error, select }: { error: ErrorGroup; select: (runId: string) => void }) {
  const { kind, cause, agent, count, first_seen, last_seen, last_run_id } = error;
  return (
    <tr data-testid="error-row" data-cause={cause}>
      <td className="mono">{cause}</td>
      <td className="wide-only">{kind === "run" ? `run of ${agent ?? "default"}` : "frame refused"}</td>
      <td className="number">{count}</td>
      <td className="number wide-only" title={first_seen}>
        {clock(first_seen)}
      </td>
      <td className="number" title={last_seen}>
        {clock(last_seen)}
      </td>
      <td>
        {last_run_id !== undefined && (
          <button type="button" className="link mono" onClick={() => select(last_run_id)} title={last_run_id}>
            {short(last_run_id)}
          </button>
        )}
      </td>
    </tr>
  );
}
