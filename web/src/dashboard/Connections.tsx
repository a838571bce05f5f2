// Every socket of the tenant, those that wait longest for their client first.

import { useState } from "react";
import { duration } from "../state/words.ts";
import type { Connection, Connections as All } from "./api.ts";
import { Nothing, Panel } from "./Panel.tsx";
import { bytes, millis, short } from "./shape.ts";

export function Connections({ connections: { connections, gateways, total } }: { connections: All }) {
  const [slowOnly, setSlowOnly] = useState(false);
  const shown = slowOnly ? connections.filter(({ slow }) => slow) : connections;
  const note = `${total} at ${gateways.length} ${gateways.length === 1 ? "gateway" : "gateways"}${total > connections.length ? `, of which ${connections.length} are listed` : ""}`;
  const choice = (
    <span className="segments" role="group" aria-label="Which connections">
      <button type="button" className="quiet small" aria-pressed={!slowOnly} onClick={() => setSlowOnly(false)}>
        All
      </button>
      <button type="button" className="quiet small" aria-pressed={slowOnly} onClick={() => setSlowOnly(true)}>
        Slow
      </button>
    </span>
  );
  return (
    <Panel title="Connections" note={note} testId="connections" aside={choice}>
      {shown.length === 0 ? (
        <Nothing>{slowOnly ? "No connection waits for its client." : "Nobody is connected."}</Nothing>
      ) : (
        <div className="table-scroll" tabIndex={0} role="group" aria-label="Connections, table">
          <table className="rows">
            <thead>
              <tr>
                <th>Connection</th>
                <th>State</th>
                <th>User</th>
                <th className="wide-only">Gateway</th>
                <th className="number">Age</th>
                <th className="number wide-only">Frames</th>
                <th className="number wide-only">Sent</th>
                <th className="number">Waiting</th>
                <th className="number wide-only">Oldest wait</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((connection) => (
                <ConnectionRow key={connection.connection_id} connection={connection} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function ConnectionRow({ connection: each }: { connection: Connection }) {
  return (
    <tr data-testid="connection-row" data-user-id={each.user_id} data-slow={each.slow}>
      <td className="mono" title={each.connection_id}>
        {short(each.connection_id)}
      </td>
      <td>
        <span className="status" data-status={each.slow ? "slow" : "completed"}>
          {each.slow ? "Slow" : "Good"}
        </span>
      </td>
      <td className="mono" title={each.user_id}>
        {short(each.user_id)}
      </td>
      <td className="mono wide-only" title={each.gateway}>
        {short(each.gateway)}
      </td>
      <td className="number">{duration(each.connected_s * 1_000)}</td>
      <td className="number wide-only">{each.frames_sent}</td>
      <td className="number wide-only">{bytes(each.bytes_sent)}</td>
      <td className="number">{bytes(each.bytes_waiting)}</td>
      <td className="number wide-only">{each.oldest_wait_ms === 0 ? "–" : millis(each.oldest_wait_ms)}</td>
    </tr>
  );
}
