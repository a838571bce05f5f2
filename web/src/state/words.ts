// Plain sentences for what went wrong, and short forms of times.

import { ClosedError, NetraError } from "netra-client";
import type { Run } from "./run.ts";

/** What happened and what to do, for a refused request. */
export function explain(error: unknown): string {
  if (error instanceof ClosedError) return "The connection was closed before the server answered. Reconnect, then try again.";
  if (!(error instanceof NetraError)) return "Something unexpected happened. Reload the page and try again.";
  const wait = error.retryAfterMs === undefined ? "in a moment" : `in ${Math.max(1, Math.ceil(error.retryAfterMs / 1000))} s`;
  switch (error.code) {
    case "busy":
      return `The server is busy and did not take this. Try again ${wait}.`;
    case "rate_limited":
      return `You are sending faster than allowed. Try again ${wait}.`;
    case "degraded":
      return `The server's storage has trouble at the moment. Try again ${wait}.`;
    case "too_large":
      return "This message is too long for the server. Shorten it and send it again.";
    case "not_found":
      return "This conversation does not exist, or it is not yours.";
    case "conflict":
      return "An answer is still being written in this conversation. Wait for it or stop it.";
    default:
      return error.message || "The server refused this.";
  }
}

export function explainRun({ error, status }: Run): string {
  if (status === "timed_out") return error?.message || "The agent took too long and was ended.";
  return error?.message || "The agent failed.";
}

export function duration(ms: number): string {
  if (ms < 1) return "<1 ms";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

export function ago(iso: string, now: number): string {
  const minutes = Math.floor((now - Date.parse(iso)) / 60_000);
  if (Number.isNaN(minutes) || minutes < 1) return "now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 60 * 24) return `${Math.floor(minutes / 60)} h`;
  return new Date(iso).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

export function json(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "");
}
