// What stands in the folder of reports: tests as they arrive, performance by commit, how far a migration is.

import { useMemo, useState } from "react";
import type { MigrationReport, PerformanceReport, Reports as All, TestResults } from "./api.ts";
import { Chart, type Line } from "./Chart.tsx";
import { Nothing, Panel } from "./Panel.tsx";
import { amount, clock, figuresOf, lossInWords, millis, performanceOf, stepsBy } from "./shape.ts";

export function Reports({ reports }: { reports: All }) {
  if (!reports.configured) return null;
  const empty = reports.tests.length + reports.performance.length + reports.migrations.length + reports.unread.length === 0;
  return (
    <div className="dash-split" data-testid="reports">
      {empty && (
        <Panel title="Reports">
          <Nothing>The folder of reports is empty. Results of tests, reports of the gate and journals of migrations appear here as they are written.</Nothing>
        </Panel>
      )}
      {reports.tests.length > 0 && <Tests tests={reports.tests} />}
      {reports.performance.length > 0 && <Performance reports={reports.performance} />}
      {reports.migrations.map((migration) => (
        <Migration key={migration.name} migration={migration} />
      ))}
      {reports.unread.length > 0 && <Unread unread={reports.unread} />}
    </div>
  );
}

function Tests({ tests }: { tests: readonly TestResults[] }) {
  return (
    <Panel title="Tests" note="the newest report first" testId="tests">
      <div className="table-scroll" tabIndex={0} role="group" aria-label="Tests, table">
        <table className="rows">
          <thead>
            <tr>
              <th>Report</th>
              <th>State</th>
              <th className="number">Passed</th>
              <th className="number">Failed</th>
              <th className="number">Skipped</th>
              <th className="number wide-only">Took</th>
              <th className="number wide-only">Written</th>
            </tr>
          </thead>
          <tbody>
            {tests.map((each) => (
              <TestsRow key={each.name} results={each} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function TestsRow({ results: { name, finished, passed, failed, skipped, seconds, at, failures, last } }: { results: TestResults }) {
  const state = finished ? (failed > 0 ? "failed" : "completed") : "running";
  return (
    <tr data-testid="tests-row" data-name={name} data-finished={finished}>
      <td className="mono named" title={name}>
        {name}
        {!finished && last !== undefined && <span className="below faint">{last}</span>}
        {failures.map((failure) => (
          <span key={failure} className="below failed" data-testid="failed-test">
            {failure}
          </span>
        ))}
        {failed > failures.length && <span className="below faint">and {failed - failures.length} more</span>}
      </td>
      <td>
        <span className="status" data-status={state}>
          {finished ? (failed > 0 ? "Failed" : "Passed") : "Arriving"}
        </span>
      </td>
      <td className="number">{passed}</td>
      <td className="number">{failed}</td>
      <td className="number">{skipped}</td>
      <td className="number wide-only">{millis(seconds * 1_000)}</td>
      <td className="number wide-only" title={at}>
        {clock(at)}
      </td>
    </tr>
  );
}

const LINES: readonly Line[] = [
  { name: "Before", color: "--faint" },
  { name: "Now", color: "--accent" },
];

function Performance({ reports }: { reports: readonly PerformanceReport[] }) {
  const known = figuresOf(reports);
  const [chosen, choose] = useState<string | null>(null);
  const figure = chosen !== null && known.includes(chosen) ? chosen : known[0] ?? "";
  const told = JSON.stringify(reports); // each look brings equal ones anew, for which no chart must be drawn again
  const { series, names, last } = useMemo(() => performanceOf(JSON.parse(told) as PerformanceReport[], figure), [told, figure]);
  const choice = (
    <select value={figure} onChange={(event) => choose(event.target.value)} aria-label="Which figure">
      {known.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  );
  return (
    <Panel title="Performance" note={`${names.length} ${names.length === 1 ? "report" : "reports"}, the newest on the right`} testId="performance" aside={choice}>
      {last === null ? <Nothing>No report has a figure yet.</Nothing> : <Chart label={`${figure} by report; ${lossInWords(last)}`} series={series} lines={LINES} words={amount} names={names} />}
      {last !== null && (
        <p className="nothing faint" data-testid="verdict">
          {names.at(-1)}: {lossInWords(last)}
        </p>
      )}
    </Panel>
  );
}

const STATES = ["done", "working", "waiting", "failed", "refused", "rolled back"] as const;
const DOTS: Record<string, string> = { done: "completed", working: "running", waiting: "queued", failed: "failed", refused: "stopped", "rolled back": "stopped" };

function Migration({ migration: { name, steps } }: { migration: MigrationReport }) {
  const counts = stepsBy(steps);
  const done = counts.get("done") ?? 0;
  const words = STATES.filter((state) => counts.has(state)).map((state) => `${counts.get(state)} ${state}`);
  return (
    <Panel title="Migration" note={name} testId="migration">
      <p className="nothing">
        <progress value={done} max={Math.max(1, steps.length)} aria-label="Steps done" /> {words.join(", ")}
      </p>
      <div className="table-scroll" tabIndex={0} role="group" aria-label="Steps, table">
        <table className="rows">
          <tbody>
            {steps.map(({ number, state, paths, more }) => (
              <tr key={number} data-testid="step-row" data-state={state}>
                <td className="number">{number === 0 ? "removal" : number}</td>
                <td>
                  <span className="status" data-status={DOTS[state]}>
                    {state}
                  </span>
                </td>
                <td className="mono named">
                  {paths.join(", ")}
                  {more > 0 && ` and ${more} more`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Unread({ unread }: { unread: All["unread"] }) {
  return (
    <Panel title="Not readable" testId="unread">
      <ul className="nothing">
        {unread.map(({ name, why }) => (
          <li key={name}>
            <span className="mono">{name}</span>: {why}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
