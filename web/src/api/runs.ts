// A past run as the server keeps it, for what the socket does not repeat after a reload.

import type { DurableEvent } from "netra-client";

export interface RunRecord {
  id: string;
  status: string;
  attempts: number;
  events: DurableEvent[];
}

/** Null when it cannot be had; the conversation is readable without it. */
export async function fetchRun(id: string): Promise<RunRecord | null> {
  try {
    const answer = await fetch(`/api/runs/${encodeURIComponent(id)}`, { credentials: "same-origin" });
    if (!answer.ok) return null;
    const body = (await answer.json()) as Partial<RunRecord>;
    return { id, status: body.status ?? "", attempts: body.attempts ?? 1, events: body.events ?? [] };
  } catch {
    return null;
  }
}
