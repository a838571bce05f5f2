// The user's threads, last used first, kept up to date on every tab. Archived ones are marked, not left out:
// the last thread of a page is the cursor of the next.

import type { NetraClient } from "./client.ts";
import { createCollection, type Collection } from "./collection.ts";
import type { DurableEvent, Thread } from "./messages.ts";

export interface ThreadList {
  threads: readonly Thread[];
  hasMore: boolean;
  loaded: boolean;
}

export interface ThreadCollection extends Collection<ThreadList> {
  /** The next page; nothing happens when there is none. */
  more(): Promise<void>;
}

const TITLE_LENGTH = 80;

export function createThreads(client: NetraClient, pageSize = 30): ThreadCollection {
  const collection = createCollection<ThreadList>(client, {
    initial: { threads: [], hasMore: false, loaded: false },
    async load() {
      const { threads, has_more } = await client.threads({ limit: pageSize });
      return { threads: sorted(threads), hasMore: has_more, loaded: true };
    },
    apply: applyToThreads,
  });
  async function more(): Promise<void> {
    const before = collection.get().threads.at(-1);
    if (before === undefined || !collection.get().hasMore) return;
    const page = await client.threads({ limit: pageSize, before: before.id });
    const now = collection.get();
    collection.set({ ...now, threads: sorted([...page.threads, ...now.threads]), hasMore: page.has_more });
  }
  return { ...collection, more };
}

export function applyToThreads(list: ThreadList, event: DurableEvent): ThreadList {
  const known = list.threads.find((thread) => thread.id === event.thread_id);
  const at = event.ts ?? known?.updated_at ?? "";
  switch (event.type) {
    case "message_created": {
      const { content, created_at } = event.payload.message;
      const thread = known ?? { ...fresh(event.thread_id, created_at), title: provisional(content) };
      return put(list, { ...thread, updated_at: later(thread.updated_at, created_at) });
    }
    case "agent_completed":
      return known === undefined ? list : put(list, { ...known, updated_at: later(known.updated_at, at) });
    case "thread_updated":
      return put(list, { ...(known ?? fresh(event.thread_id, at)), ...event.payload });
    default:
      return list;
  }
}

/** Shown until the server's own title arrives by `thread_updated`. */
function provisional(content: string): string {
  return [...(content.trim().split("\n", 1)[0] ?? "")].slice(0, TITLE_LENGTH).join("");
}

function fresh(id: string, at: string): Thread {
  return { id, title: "", archived: false, created_at: at, updated_at: at };
}

function later(a: string, b: string): string {
  return Date.parse(b) > Date.parse(a) ? b : a;
}

function put(list: ThreadList, thread: Thread): ThreadList {
  return { ...list, threads: sorted([thread, ...list.threads.filter((other) => other.id !== thread.id)]) };
}

/** Newest first; of two with one id the later in the list wins. */
function sorted(threads: readonly Thread[]): Thread[] {
  const unique = new Map(threads.map((thread) => [thread.id, thread]));
  return [...unique.values()].sort((a, b) => Date.parse(b.updated_at) - Date.parse(a.updated_at));
}
