// One run as the page shows it, built from its durable events alone.

import type { AgentCompletedPayload, DurableEvent, RunError, ToolStatus, Usage } from "netra-client";

export type RunStatus = "queued" | "running" | "completed" | "stopped" | "failed" | "timed_out";

export interface ToolStep {
  kind: "tool";
  id: string;
  tool: string;
  arguments: unknown;
  status: "running" | ToolStatus;
  result?: unknown;
  error?: string;
  durationMs?: number;
}
export interface ThinkingStep {
  kind: "thinking";
  text: string;
}
export type Step = ToolStep | ThinkingStep;

export interface Run {
  id: string;
  status: RunStatus;
  /** A stop was asked for and the run has not ended yet. */
  stopping: boolean;
  attempt: number;
  agent: string;
  answerId: string | null;
  /** The answer as far as it is written; kept when the run fails or is stopped. */
  text: string;
  steps: readonly Step[];
  /** Its lifecycle events, in the order of the log. */
  events: readonly DurableEvent[];
  error?: RunError;
  usage?: Usage;
  durationMs?: number;
}

export function newRun(id: string): Run {
  return {
    id, status: "queued", stopping: false, attempt: 0, agent: "", answerId: null, text: "", steps: [], events: [],
  };
}

export function isActive(run: Run): boolean {
  return run.status === "queued" || run.status === "running";
}

/** An event that the run already has changes nothing: it may come from the stream and from a record. */
export function applyToRun(before: Run, event: DurableEvent): Run {
  if (before.events.some(({ seq }) => seq === event.seq)) return before;
  const run = { ...before, events: [...before.events, event] };
  switch (event.type) {
    case "agent_started": {
      const { agent, attempt, message_id } = event.payload;
      const anew = attempt > 1 && attempt > before.attempt; // the answer is written anew
      return { ...run, status: "running", agent, attempt, answerId: message_id, text: anew ? "" : run.text };
    }
    case "agent_thinking":
      return { ...run, steps: [...run.steps, { kind: "thinking", text: event.payload.text }] };
    case "tool_executing": {
      const { tool_call_id: id, tool, arguments: args } = event.payload;
      return { ...run, steps: [...run.steps, { kind: "tool", id, tool, arguments: args, status: "running" }] };
    }
    case "tool_completed":
      return { ...run, steps: run.steps.map((step) => (isCall(step, event.payload.tool_call_id) ? closed(step, event.payload) : step)) };
    case "agent_completed":
      return ended(run, event.payload);
    case "message_created":
    case "thread_updated":
      return before;
  }
}

function isCall(step: Step, id: string): step is ToolStep {
  return step.kind === "tool" && step.id === id && step.status === "running";
}

type Completed = Extract<DurableEvent, { type: "tool_completed" }>["payload"];

function closed(step: ToolStep, { status, result, error, duration_ms }: Completed): ToolStep {
  const end: ToolStep = { ...step, status, durationMs: duration_ms };
  if (result !== undefined) end.result = result;
  if (error !== undefined) end.error = error;
  return end;
}

function ended(run: Run, { status, message, error, usage, duration_ms, attempts }: AgentCompletedPayload): Run {
  const end: Run = { ...run, status, stopping: false, attempt: attempts, durationMs: duration_ms };
  if (message !== undefined) end.text = message.content;
  if (error !== undefined) end.error = error;
  if (usage !== undefined) end.usage = usage;
  return end;
}
