// One thread as the page shows it: a pure reducer over what the server and the person did.
// Every message stands here once, whichever of history, event or acceptance brought it first.

import type { DurableEvent, LiveMessage, Message } from "netra-client";
import type { RunRecord } from "../api/runs.ts";
import { applyToRun, isActive, newRun, type Run, type RunStatus } from "./run.ts";

/** A message of the person that the server has not confirmed yet. */
export interface Outgoing {
  clientId: string;
  text: string;
  at: string;
  /** Why the server refused it, in words. */
  refused?: string;
}

export interface Conversation {
  threadId: string | null;
  messages: readonly Message[];
  outgoing: readonly Outgoing[];
  runs: Readonly<Record<string, Run>>;
  hasMore: boolean;
  loaded: boolean;
}

export type Change =
  | { type: "history"; messages: readonly Message[]; hasMore: boolean }
  | { type: "reloaded"; messages: readonly Message[]; hasMore: boolean }
  | { type: "event"; event: DurableEvent }
  | { type: "text"; message: LiveMessage }
  | { type: "sending"; clientId: string; text: string; at: string }
  | { type: "accepted"; clientId: string; threadId: string; runId: string; messageId: string }
  | { type: "refused"; clientId: string; why: string }
  | { type: "discarded"; clientId: string }
  | { type: "stopping"; runId: string; stopping: boolean }
  | { type: "run"; record: RunRecord };

export function newConversation(threadId: string | null): Conversation {
  return { threadId, messages: [], outgoing: [], runs: {}, hasMore: false, loaded: threadId === null };
}

export function reduce(state: Conversation, change: Change): Conversation {
  switch (change.type) {
    case "history":
      return { ...merged(state, change.messages), hasMore: change.hasMore, loaded: true };
    case "reloaded":
      return { ...merged({ ...state, messages: [], runs: {} }, change.messages), hasMore: change.hasMore, loaded: true };
    case "event":
      return onEvent(state, change.event);
    case "text":
      return onText(state, change.message);
    case "sending":
      return onSending(state, change);
    case "accepted":
      return onAccepted(state, change);
    case "refused":
      return { ...state, outgoing: state.outgoing.map((one) => (one.clientId === change.clientId ? { ...one, refused: change.why } : one)) };
    case "discarded":
      return { ...state, outgoing: without(state.outgoing, change.clientId) };
    case "stopping":
      return withRun(state, change.runId, (run) => ({ ...run, stopping: change.stopping && isActive(run) }));
    case "run":
      return onRecord(state, change.record);
  }
}

/** The run that a stop is meant for: the running one, else the first that waits. */
export function currentRun(state: Conversation): Run | null {
  const active = Object.values(state.runs).filter(isActive);
  return active.find((run) => run.status === "running") ?? active[0] ?? null;
}

/** Runs named by messages of which no event is known, newest first: what a reload has to ask for. */
export function unknownRuns(state: Conversation): string[] {
  const named = state.messages.flatMap(({ run_id }) => (run_id === undefined ? [] : [run_id]));
  return [...new Set(named.reverse())].filter((id) => (state.runs[id]?.events.length ?? 0) === 0);
}

function onEvent(state: Conversation, event: DurableEvent): Conversation {
  if (event.type === "thread_updated") return state;
  if (event.type === "message_created") {
    const message = named(event.payload.message, event.run_id);
    const next = merged({ ...state, threadId: state.threadId ?? event.thread_id }, [message]);
    return event.run_id === undefined ? next : withRun(next, event.run_id, (run) => run, true);
  }
  const next = withRun(state, event.run_id, (run) => applyToRun(run, event), true);
  const answer = event.type === "agent_completed" ? event.payload.message : undefined;
  return answer === undefined ? next : merged(next, [named(answer, event.run_id)]);
}

function named(message: Message, runId: string | undefined): Message {
  return message.run_id !== undefined || runId === undefined ? message : { ...message, run_id: runId };
}

/** Late text of a run that has ended is stale: its last event holds the whole answer. */
function onText(state: Conversation, { runId, messageId, text }: LiveMessage): Conversation {
  const id = runId ?? Object.values(state.runs).find((run) => run.answerId === messageId)?.id;
  if (id === undefined) return state;
  const write = (run: Run): Run => ({ ...run, status: "running", answerId: messageId, text });
  return withRun(state, id, (run) => (isActive(run) ? write(run) : run), true);
}

function onSending(state: Conversation, { clientId, text, at }: { clientId: string; text: string; at: string }): Conversation {
  return { ...state, outgoing: [...without(state.outgoing, clientId), { clientId, text, at }] };
}

type Acceptance = Extract<Change, { type: "accepted" }>;

function onAccepted(state: Conversation, { clientId, threadId, runId, messageId }: Acceptance): Conversation {
  const sent = state.outgoing.find((one) => one.clientId === clientId);
  const next = { ...state, threadId };
  if (sent === undefined) return next; // the event was faster
  // This clock may be behind the server's; the event will bring the right time.
  const last = state.messages.at(-1)?.created_at ?? sent.at;
  const created_at = Date.parse(last) > Date.parse(sent.at) ? last : sent.at;
  const message: Message = { id: messageId, role: "user", content: sent.text, created_at, client_id: clientId, run_id: runId };
  return withRun(merged(next, [message]), runId, (run) => run, true);
}

function onRecord(state: Conversation, { id, status, attempts, events }: RunRecord): Conversation {
  const known = state.runs[id];
  // The stream may have brought events while the record was on its way, or the record some before them.
  const all = [...events, ...(known?.events ?? [])].sort((a, b) => a.seq - b.seq);
  const rebuilt = all.reduce(applyToRun, newRun(id));
  const run: Run = {
    ...rebuilt,
    status: all.length > 0 ? rebuilt.status : (status as RunStatus),
    attempt: Math.max(rebuilt.attempt, attempts),
    text: rebuilt.text || (known?.text ?? ""),
    stopping: (known?.stopping ?? false) && isActive(rebuilt),
  };
  return { ...state, runs: { ...state.runs, [id]: run } };
}

function withRun(state: Conversation, id: string, change: (run: Run) => Run, create = false): Conversation {
  const before = state.runs[id];
  if (before === undefined && !create) return state;
  const after = change(before ?? newRun(id));
  return after === before ? state : { ...state, runs: { ...state.runs, [id]: after } };
}

/** Adds or completes messages by id, keeps them in the order of time, and settles what was outgoing. */
function merged(state: Conversation, messages: readonly Message[]): Conversation {
  const byId = new Map(state.messages.map((message) => [message.id, message]));
  for (const message of messages) byId.set(message.id, { ...byId.get(message.id), ...message });
  const arrived = new Set(messages.map(({ client_id }) => client_id));
  return {
    ...state,
    messages: [...byId.values()].sort(byTime),
    outgoing: state.outgoing.filter(({ clientId }) => !arrived.has(clientId)),
  };
}

/** `Date` knows milliseconds, the server microseconds: its own notation decides between equal ones. */
function byTime(a: Message, b: Message): number {
  const difference = Date.parse(a.created_at) - Date.parse(b.created_at);
  return difference || (a.created_at < b.created_at ? -1 : Number(a.created_at > b.created_at));
}

function without(outgoing: readonly Outgoing[], clientId: string): Outgoing[] {
  return outgoing.filter((one) => one.clientId !== clientId);
}
