// What waits and runs, by lane, the most urgent lane first.

import type { Queue } from "./api.ts";
import { Panel } from "./Panel.tsx";
import { millis } from "./shape.ts";

export function QueueByLane({ queue }: { queue: Queue }) {
  const most = Math.max(1, ...queue.lanes.map(({ queued, running }) => queued + running));
  return (
    <Panel title="Queue" note={`of ${queue.tenant_id}, by lane`} testId="queue">
      <table className="rows">
        <thead>
          <tr>
            <th>Lane</th>
            <th className="number">Queued</th>
            <th className="number">Running</th>
            <th className="number">Oldest</th>
            <th>
              <span className="only-spoken">Share</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {queue.lanes.map(({ lane, queued, running, oldest_s }) => (
            <tr key={lane} data-testid="lane-row" data-lane={lane}>
              <td>{lane}</td>
              <td className="number">{queued}</td>
              <td className="number">{running}</td>
              <td className="number">{oldest_s === undefined ? "–" : millis(oldest_s * 1_000)}</td>
              <td className="bar-cell" aria-hidden="true">
                <span className="bar" style={{ inlineSize: `${((queued + running) / most) * 100}%` }}>
                  <i style={{ inlineSize: `${queued + running === 0 ? 0 : (running / (queued + running)) * 100}%` }} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
