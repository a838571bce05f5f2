// A conversation as a list to show, in assistant-ui's shape: each question, and below it its answer.
// An unchanged item is the same object as before, so that only what changed is rendered again.

import type { ThreadMessageLike } from "@assistant-ui/react";
import type { Message } from "netra-client";
import type { Conversation, Outgoing } from "./conversation.ts";
import { isActive, newRun, type Run, type Step } from "./run.ts";

export type Item =
  | { kind: "user"; id: string; text: string; at: string; outgoing: Outgoing | null }
  | { kind: "assistant"; id: string; run: Run | null; text: string; at: string };

/** Questions and answers are paired by run, so that a queued question does not tear them apart. */
export function itemsOf(state: Conversation): Item[] {
  const answers = new Map<string, Message>();
  for (const message of state.messages) if (message.role === "assistant" && message.run_id) answers.set(message.run_id, message);
  const shown = new Set<string>();
  const items: Item[] = [];
  const answer = (runId: string, at: string) => {
    if (shown.has(runId)) return;
    const message = answers.get(runId);
    const run = state.runs[runId];
    if (message === undefined && run === undefined) return;
    shown.add(runId);
    items.push(answerItem(run ?? null, message, at));
  };
  for (const message of state.messages) {
    if (message.role === "user") items.push(userItem(message));
    else if (message.run_id === undefined) items.push(answerItem(null, message, message.created_at));
    if (message.run_id !== undefined) answer(message.run_id, message.created_at);
  }
  for (const run of Object.values(state.runs)) answer(run.id, "");
  return [...items, ...state.outgoing.map(outgoingItem)];
}

const users = new WeakMap<Message | Outgoing, Item>();
const answered = new WeakMap<Run | Message, { message: Message | undefined; item: Item }>();

function userItem(message: Message): Item {
  const id = `user-${message.client_id ?? message.id}`;
  return cached(message, { kind: "user", id, text: message.content, at: message.created_at, outgoing: null });
}

function outgoingItem(outgoing: Outgoing): Item {
  return cached(outgoing, { kind: "user", id: `user-${outgoing.clientId}`, text: outgoing.text, at: outgoing.at, outgoing });
}

function cached(source: Message | Outgoing, item: Item): Item {
  const before = users.get(source);
  if (before !== undefined) return before;
  users.set(source, item);
  return item;
}

function answerItem(run: Run | null, message: Message | undefined, at: string): Item {
  const key = run ?? message ?? newRun("");
  const before = answered.get(key);
  if (before !== undefined && before.message === message) return before.item;
  const item: Item = {
    kind: "assistant",
    id: `answer-${run?.id ?? message?.run_id ?? message?.id ?? ""}`,
    run,
    text: message?.content ?? run?.text ?? "",
    at: message?.created_at ?? at,
  };
  answered.set(key, { message, item });
  return item;
}

/** For assistant-ui's external store; the item itself travels as custom metadata. */
export function toMessage(item: Item): ThreadMessageLike {
  const common = { id: item.id, createdAt: new Date(item.at || 0), metadata: { custom: { item } } };
  if (item.kind === "user") return { ...common, role: "user", content: [{ type: "text", text: item.text }] };
  return { ...common, role: "assistant", content: parts(item.run?.steps ?? [], item.text), status: status(item.run) };
}

type Part = Exclude<ThreadMessageLike["content"], string>[number];

function parts(steps: readonly Step[], text: string): Part[] {
  const made: Part[] = [];
  for (const step of steps) {
    const last = made.at(-1);
    if (step.kind === "tool") made.push({ type: "tool-call", toolCallId: step.id, toolName: step.tool, argsText: "", artifact: step });
    else if (last?.type === "reasoning") made[made.length - 1] = { type: "reasoning", text: `${last.text}\n\n${step.text}` };
    else made.push({ type: "reasoning", text: step.text });
  }
  if (text !== "") made.push({ type: "text", text });
  return made;
}

function status(run: Run | null): NonNullable<ThreadMessageLike["status"]> {
  if (run !== null && isActive(run)) return { type: "running" };
  if (run === null || run.status === "completed") return { type: "complete", reason: "stop" };
  return { type: "incomplete", reason: run.status === "stopped" ? "cancelled" : "error" };
}
