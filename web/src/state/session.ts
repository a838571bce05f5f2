// Everything a logged-in page does: owns the client, the conversations that were opened and the notices.
// Components read its store and call its methods; it never touches the document.

import {
  createStore, createThreads, NetraClient, NetraError, type ClientOptions, type DurableEvent, type LiveMessage, type Store,
  type ThreadCollection,
} from "netra-client";
import { fetchRun, type RunRecord } from "../api/runs.ts";
import { currentRun, newConversation, reduce, unknownRuns, type Change, type Conversation } from "./conversation.ts";
import { explain } from "./words.ts";

export interface Notice {
  id: number;
  text: string;
}

export interface View {
  /** Key of the shown conversation; a new one keeps its key when it gets its thread id. */
  key: string;
  conversations: Readonly<Record<string, Conversation>>;
  notices: readonly Notice[];
}

export interface SessionPorts {
  client?: Partial<ClientOptions>;
  now(): string;
  /** Calls back before the next frame is painted, so that a flood of deltas renders once a frame. */
  nextFrame(call: () => void): void;
  fetchRun(id: string): Promise<RunRecord | null>;
}

export const browserPorts: SessionPorts = {
  now: () => new Date().toISOString(),
  // A hidden tab paints no frames, and its text must not pile up.
  nextFrame: (call) => (document.hidden ? setTimeout(call, 100) : requestAnimationFrame(call)),
  fetchRun,
};

const PAGE = 50;
const RUNS_ASKED = 20; // per loaded page; a tool card of something far up is not worth a request storm

export class Session {
  readonly client: NetraClient;
  readonly threads: ThreadCollection;
  readonly view: Store<View>;
  private readonly live = new Map<string, LiveMessage>();
  private frameAsked = false;
  private numbers = 0;

  constructor(
    readonly userId: string,
    url: string,
    private readonly ports: SessionPorts = browserPorts,
  ) {
    this.client = new NetraClient({ url, ...ports.client });
    this.threads = createThreads(this.client);
    const key = this.newKey();
    this.view = createStore<View>({ key, conversations: { [key]: newConversation(null) }, notices: [] });
    this.client.on("event", (event) => this.onEvent(event));
    this.client.on("text", (message) => this.onText(message));
    this.client.on("resync", ({ reason }) => this.onResync(reason));
    this.client.on("error", (payload) => this.notify(explain(new NetraError(payload))));
  }

  get current(): Conversation {
    return this.of(this.view.get().key);
  }

  connect(): void {
    this.client.connect();
  }

  close(): void {
    this.client.close();
  }

  /** Shows a thread, or with null a new conversation. */
  select(threadId: string | null): void {
    const left = this.current.threadId;
    if (threadId !== null && left === threadId) return;
    if (left !== null) this.client.unfollow(left);
    const key = threadId === null ? this.newKey() : (this.keyOf(threadId) ?? threadId);
    const conversations = { ...this.view.get().conversations };
    conversations[key] ??= newConversation(threadId);
    this.update({ key, conversations });
    if (threadId === null) return;
    this.client.follow(threadId);
    if (!this.of(key).loaded) void this.load(key, "history");
  }

  async send(text: string): Promise<void> {
    await this.submit(this.view.get().key, this.client.newId(), text);
  }

  /** Sends a refused message again under its id; the server stores it once in any case. */
  async retry(clientId: string): Promise<void> {
    const { key } = this.view.get();
    const refused = this.of(key).outgoing.find((one) => one.clientId === clientId);
    if (refused !== undefined) await this.submit(key, clientId, refused.text);
  }

  discard(clientId: string): void {
    this.change(this.view.get().key, { type: "discarded", clientId });
  }

  /** Stops the current run, if there is one. */
  async stop(): Promise<void> {
    const { key } = this.view.get();
    const run = currentRun(this.of(key));
    if (run === null || run.stopping) return;
    this.change(key, { type: "stopping", runId: run.id, stopping: true });
    try {
      await this.client.stopAgent(run.id);
    } catch (error) {
      this.change(key, { type: "stopping", runId: run.id, stopping: false });
      this.notify(explain(error));
    }
  }

  /** The text that a run answers, to ask it again. */
  questionOf(runId: string): string | null {
    return this.current.messages.find(({ role, run_id }) => role === "user" && run_id === runId)?.content ?? null;
  }

  async older(): Promise<void> {
    const { key } = this.view.get();
    const before = this.of(key).messages[0]?.id;
    if (before !== undefined) await this.load(key, "history", before);
  }

  async moreThreads(): Promise<void> {
    await this.threads.more().catch((error: unknown) => this.notify(explain(error)));
  }

  notify(text: string): void {
    const { notices } = this.view.get();
    if (notices.some((notice) => notice.text === text)) return;
    this.update({ notices: [...notices, { id: ++this.numbers, text }] });
  }

  dismiss(id: number): void {
    this.update({ notices: this.view.get().notices.filter((notice) => notice.id !== id) });
  }

  private async submit(key: string, clientId: string, text: string): Promise<void> {
    this.change(key, { type: "sending", clientId, text, at: this.ports.now() });
    const threadId = this.of(key).threadId;
    try {
      const options = threadId === null ? { id: clientId } : { id: clientId, threadId };
      const accepted = await this.client.sendMessage({ text }, options);
      this.change(key, { type: "accepted", clientId, threadId: accepted.threadId, runId: accepted.runId, messageId: accepted.message_id });
      if (this.view.get().key !== key) this.client.unfollow(accepted.threadId); // left before it was accepted
    } catch (error) {
      this.change(key, { type: "refused", clientId, why: explain(error) });
    }
  }

  private async load(key: string, type: "history" | "reloaded", before?: string): Promise<void> {
    const { threadId } = this.of(key);
    if (threadId === null) return;
    try {
      const page = await this.client.history(threadId, before === undefined ? { limit: PAGE } : { limit: PAGE, before });
      this.change(key, { type, messages: page.messages, hasMore: page.has_more });
      await this.recall(key);
    } catch (error) {
      this.notify(explain(error));
      if (before === undefined && this.view.get().key === key && this.of(key).messages.length === 0) this.abandon(key);
    }
  }

  /** The thread cannot be shown: somebody else's, or gone. */
  private abandon(key: string): void {
    this.select(null);
    const { [key]: _, ...conversations } = this.view.get().conversations;
    this.update({ conversations });
  }

  /** Fetches what the history does not say: how the runs went, and whether one is still going. */
  private async recall(key: string): Promise<void> {
    for (const id of unknownRuns(this.of(key)).slice(0, RUNS_ASKED)) {
      const record = await this.ports.fetchRun(id);
      if (record !== null) this.change(key, { type: "run", record });
    }
  }

  private onEvent(event: DurableEvent): void {
    this.flush(); // text that came before this event belongs before it
    const key = this.keyOf(event.thread_id) ?? this.adopts(event);
    if (key !== null) this.change(key, { type: "event", event });
  }

  /** The event of our own first message may overtake its `accepted`: it tells the thread's id. */
  private adopts(event: DurableEvent): string | null {
    const clientId = event.type === "message_created" ? event.payload.message.client_id : undefined;
    if (clientId === undefined) return null;
    const entries = Object.entries(this.view.get().conversations);
    return entries.find(([, { outgoing }]) => outgoing.some((one) => one.clientId === clientId))?.[0] ?? null;
  }

  private onText(message: LiveMessage): void {
    this.live.set(message.messageId, message);
    if (this.frameAsked) return;
    this.frameAsked = true;
    this.ports.nextFrame(() => this.flush());
  }

  private flush(): void {
    this.frameAsked = false;
    const messages = [...this.live.values()];
    this.live.clear();
    for (const message of messages) {
      const key = this.keyOf(message.threadId);
      if (key !== null) this.change(key, { type: "text", message });
    }
  }

  private onResync(reason: string): void {
    const { key } = this.view.get();
    const shown = this.of(key);
    // What is not shown is loaded anew when it is opened.
    this.update({ conversations: { [key]: reason === "user" ? newConversation(null) : shown } });
    if (reason !== "user" && shown.threadId !== null) void this.load(key, "reloaded");
  }

  private change(key: string, change: Change): void {
    const { conversations } = this.view.get();
    const before = conversations[key];
    if (before === undefined) return;
    const after = reduce(before, change);
    if (after !== before) this.update({ conversations: { ...conversations, [key]: after } });
  }

  private update(part: Partial<View>): void {
    this.view.set({ ...this.view.get(), ...part });
  }

  private of(key: string): Conversation {
    return this.view.get().conversations[key] ?? newConversation(null);
  }

  private keyOf(threadId: string): string | null {
    const entries = Object.entries(this.view.get().conversations);
    return entries.find(([, conversation]) => conversation.threadId === threadId)?.[0] ?? null;
  }

  private newKey(): string {
    return `new-${++this.numbers}`;
  }
}
