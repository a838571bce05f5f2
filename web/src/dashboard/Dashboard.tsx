// The operators' page: one look every two seconds, laid out in panels. Shows the operator's own tenant.

import { useCallback, useEffect, useState } from "react";
import type { User } from "../api/auth.ts";
import type { Doors } from "../components/Gate.tsx";
import { Splash } from "../components/Splash.tsx";
import { useRenewal } from "../hooks/useRenewal.ts";
import { useStore } from "../hooks/useStore.ts";
import "../styles/dashboard.css";
import { look as lookAtServer, type Look } from "./api.ts";
import { Charts } from "./Charts.tsx";
import { Connections } from "./Connections.tsx";
import { Errors } from "./Errors.tsx";
import { ForOperators } from "./ForOperators.tsx";
import { QueueByLane } from "./QueueByLane.tsx";
import { Reports } from "./Reports.tsx";
import { Runs } from "./Runs.tsx";
import { runInAddress } from "./shape.ts";
import { Tiles } from "./Tiles.tsx";
import { Timeline } from "./Timeline.tsx";
import { TopBar } from "./TopBar.tsx";
import { Watch } from "./watch.ts";

export default function Dashboard({ user, expired, leave }: { user: User } & Doors) {
  const [watch] = useState(() => new Watch(lookAtServer, expired));
  const watched = useStore(watch.state);
  const [runId, select] = useSelectedRun(watch);
  useRenewal(user);
  useWhileVisible(watch);
  const pause = useCallback(() => (watch.state.get().state === "paused" ? watch.start() : watch.pause()), [watch]);
  const leaving = () => {
    watch.stop();
    leave();
  };

  if (watched.state === "forbidden") return <ForOperators user={user} leave={leaving} />;
  if (watched.look === null) return <Splash {...(watched.state === "failing" ? { retry: () => watch.now() } : {})} />;
  const { look } = watched;
  return (
    <div className="dash">
      <a className="skip" href="#runs" onClick={focusRuns}>
        Skip to the runs
      </a>
      <TopBar user={user} tenant={look.queue.tenant_id} state={watched.state} pause={pause} leave={leaving} />
      <Warnings look={look} problem={watched.problem} />
      <main className="dash-main">
        <Tiles look={look} />
        <Charts figures={look.figures} />
        <div className="dash-split">
          <Runs runs={look.runs} selected={runId} select={select} changed={() => watch.now()} />
          <Timeline runId={runId} trace={look.trace?.run_id === runId ? look.trace : null} loading={watched.runId !== runId} close={() => select(null)} />
        </div>
        <div className="dash-split">
          <Errors errors={look.errors} select={select} />
          <QueueByLane queue={look.queue} />
        </div>
        <Connections connections={look.connections} />
        <Reports reports={look.reports} />
      </main>
    </div>
  );
}

function Warnings({ look, problem }: { look: Look; problem: string | null }) {
  return (
    <div role="status">
      {problem !== null && <p className="banner" data-kind="offline">{problem} What is shown is old; it is asked for again and again.</p>}
      {!look.figures.everywhere && <p className="banner">Valkey is away, so only this gateway could be asked. Connections and figures of other processes are missing.</p>}
    </div>
  );
}

/** The fragment of the address holds the run, so the link must not write there. */
function focusRuns(event: { preventDefault(): void }): void {
  event.preventDefault();
  document.getElementById("runs")?.focus();
}

/** The run whose events are shown; the address keeps it, so that it can be sent to a colleague. */
function useSelectedRun(watch: Watch): [string | null, (runId: string | null) => void] {
  const [runId, setRunId] = useState(() => runInAddress(location.hash));
  useEffect(() => watch.select(runId), [watch, runId]);
  useEffect(() => {
    const follow = () => setRunId(runInAddress(location.hash));
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, []);
  const select = useCallback((next: string | null) => {
    history.pushState(null, "", next === null ? location.pathname : `#run=${next}`);
    setRunId(next);
    // On a narrow screen it stands below the list.
    if (next !== null) document.getElementById("timeline")?.scrollIntoView({ block: "nearest" });
  }, []);
  return [runId, select];
}

function useWhileVisible(watch: Watch): void {
  useEffect(() => {
    const follow = () => {
      if (watch.state.get().state === "paused") return;
      if (document.hidden) watch.stop();
      else watch.start();
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      watch.stop();
      document.removeEventListener("visibilitychange", follow);
    };
  }, [watch]);
}
