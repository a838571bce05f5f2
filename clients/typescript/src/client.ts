// The client: a connection, the pending requests, the durable stream and the live text, put together.
// The only class that users of this library hold.

import { Connection, type ConnectionState, type TokenProvider } from "./connection.ts";
import { Emitter } from "./emitter.ts";
import { LiveText, type LiveMessage } from "./livetext.ts";
import type {
  AcceptedPayload, ClientFrame, ConnectedPayload, DurableEvent, ErrorPayload, GetThreadHistoryPayload,
  ListThreadsPayload, ResyncPayload, ServerFrame, StartAgentPayload, ThreadHistoryPayload, ThreadsPayload,
  UserMessagePayload,
} from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { cryptoRandom, frameId, systemClock, type Clock, type Random, type SocketConstructor } from "./ports.ts";
import type { Store } from "./store.ts";
import { Stream, type Position } from "./stream.ts";

export interface ClientOptions {
  /** Address of the socket, `ws://host/ws`. */
  url: string;
  /** For clients without a session cookie. */
  token?: TokenProvider;
  /** Continue where an earlier client stood instead of at the head of the log. */
  position?: Position;
  Socket?: SocketConstructor;
  clock?: Clock;
  random?: Random;
}

export interface ClientEvents {
  /** A durable event, each exactly once and in order. */
  event: DurableEvent;
  /** The whole text so far of a message being written in a followed thread. */
  text: LiveMessage;
  /** Events were lost for good: reload what is shown. Also sent when another user is logged in. */
  resync: ResyncPayload;
  /** Logged in, on every connection anew. */
  connected: ConnectedPayload;
  /** Another connection of this user is typing. */
  typing: { threadId: string; active: boolean };
  /** The session ends soon. A token provider is asked by itself; without one, get a token and call `renew`. */
  tokenExpiring: { seconds: number };
  /** An error that answers nothing that was asked. */
  error: ErrorPayload;
}

export interface Accepted extends AcceptedPayload {
  threadId: string;
  runId: string;
}

/** `id` makes a command repeatable: sent twice, it is stored once. Drawn when left out. */
export interface CommandOptions {
  id?: string;
  threadId?: string;
}

export class NetraClient {
  readonly state: Store<ConnectionState>;
  private readonly events = new Emitter<ClientEvents>();
  private readonly followed = new Set<string>();
  private readonly followAsked = new Map<string, string>();
  private readonly connection: Connection;
  private readonly outbox: Outbox;
  private readonly stream: Stream;
  private readonly live: LiveText;
  private readonly clock: Clock;
  private readonly random: Random;
  private user: string | null = null;
  private head = 0;

  constructor(options: ClientOptions) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? cryptoRandom;
    this.connection = new Connection(
      {
        url: options.url,
        Socket: options.Socket ?? (globalThis.WebSocket as unknown as SocketConstructor),
        clock: this.clock,
        random: this.random,
        token: options.token,
      },
      { connected: (payload) => this.connected(payload), frame: (frame) => this.receive(frame), lost: () => this.lost() },
    );
    this.state = this.connection.state;
    this.state.subscribe(({ status, reason, closeCode }) => {
      if (status === "offline" && reason !== "token") this.outbox.fail(closeCode);
    });
    this.outbox = new Outbox((frame) => this.connection.send(frame));
    this.live = new LiveText((threadId) => this.sendFollow(threadId), (message) => this.events.emit("text", message));
    this.stream = new Stream(
      this.clock,
      {
        resume: (position) => this.sendResume(position),
        deliver: (event) => this.deliver(event),
        resync: (payload) => this.events.emit("resync", payload),
      },
      options.position ?? null,
    );
  }

  /** Where the durable stream stands; give it to a later client as `position`. */
  get position(): Position | null {
    return this.stream.position;
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.events.on(name, listener);
  }

  connect(): void {
    this.connection.connect();
  }

  close(): void {
    this.connection.close();
  }

  /** Call when the network or the page came back: reconnects at once, or finds out what was missed. */
  wake(): void {
    if (!this.connection.send({ type: "ping", id: this.newId(), payload: {} })) this.connection.wake();
  }

  /** After `tokenExpiring`, for pages whose cookie another request has renewed. */
  renew(token: string): void {
    this.connection.renew(token);
  }

  newId(): string {
    return frameId(this.random);
  }

  async sendMessage(payload: UserMessagePayload, { id, threadId }: CommandOptions = {}): Promise<Accepted> {
    return this.command({ type: "user_message", id: id ?? this.newId(), ...inThread(threadId), payload });
  }

  async startAgent(payload: StartAgentPayload, { id, threadId }: CommandOptions = {}): Promise<Accepted> {
    return this.command({ type: "start_agent", id: id ?? this.newId(), ...inThread(threadId), payload });
  }

  /** Resolves when the intent is durable; the run's `agent_completed` follows as an event. */
  async stopAgent(runId: string): Promise<Accepted> {
    return this.command({ type: "stop_agent", id: this.newId(), payload: { run_id: runId } });
  }

  async threads(payload: ListThreadsPayload = {}): Promise<ThreadsPayload> {
    const answer = await this.outbox.ask({ type: "list_threads", id: this.newId(), payload });
    return answer.payload as ThreadsPayload;
  }

  /** A page of messages, oldest first. */
  async history(threadId: string, payload: GetThreadHistoryPayload = {}): Promise<ThreadHistoryPayload> {
    const id = this.newId();
    const answer = await this.outbox.ask({ type: "get_thread_history", id, thread_id: threadId, payload });
    return answer.payload as ThreadHistoryPayload;
  }

  /** Live text of the thread from now on, over reconnects too, until `unfollow`. */
  follow(threadId: string): void {
    this.followed.add(threadId);
    this.sendFollow(threadId);
  }

  unfollow(threadId: string): void {
    this.followed.delete(threadId);
    this.live.forgetThread(threadId);
    this.connection.send({ type: "unfollow", id: this.newId(), thread_id: threadId, payload: {} });
  }

  typing(threadId: string, active: boolean): void {
    this.connection.send({ type: "typing", thread_id: threadId, payload: { active } });
  }

  private async command(frame: ClientFrame & { id: string }): Promise<Accepted> {
    const answer = await this.outbox.ask(frame);
    const threadId = answer.thread_id ?? "";
    if (frame.type !== "stop_agent") this.followed.add(threadId); // the server follows it on this connection
    return { ...(answer.payload as AcceptedPayload), threadId, runId: answer.run_id ?? "" };
  }

  private connected(payload: ConnectedPayload): void {
    this.head = payload.head;
    this.recognise(payload);
    this.stream.connected(payload); // `resume` must be the first frame of the connection
    this.outbox.resend();
    for (const threadId of this.followed) this.sendFollow(threadId);
    this.events.emit("connected", payload);
  }

  /** What one user asked must never be sent as another. */
  private recognise({ tenant_id, user_id, head }: ConnectedPayload): void {
    const user = `${tenant_id}/${user_id}`;
    if (this.user !== null && this.user !== user) {
      this.outbox.fail();
      this.followed.clear();
      this.stream.reset();
      this.events.emit("resync", { reason: "user", head });
    }
    this.user = user;
  }

  private lost(): void {
    this.stream.lost();
    this.live.lost();
    this.followAsked.clear();
  }

  private receive(frame: ServerFrame): void {
    if (frame.type === "error") return this.refused(frame.reply_to, frame.payload, frame);
    if (this.outbox.answer(frame)) return;
    switch (frame.type) {
      case "message_created": case "agent_started": case "agent_thinking": case "tool_executing":
      case "tool_completed": case "agent_completed": case "thread_updated":
        return this.stream.receive(frame);
      case "message_delta":
        return this.live.delta(frame, frame.payload);
      case "message_snapshot":
        return this.live.snapshot(frame, frame.payload);
      case "heartbeat": case "pong": case "connected":
        this.head = frame.payload.head;
        return this.stream.head(frame.payload.head);
      case "resumed":
        return this.stream.resumed(frame.payload.head);
      case "resync":
        return this.stream.resync(frame.payload);
      case "followed":
        return this.live.settled(frame.thread_id ?? this.followAsked.get(frame.reply_to ?? ""));
      case "typing":
        return this.events.emit("typing", { threadId: frame.thread_id ?? "", active: frame.payload.active });
      case "token_expiring":
        return this.events.emit("tokenExpiring", frame.payload);
      default: // `unfollowed` and `reconnect` need nothing here; unknown types are skipped
    }
  }

  private refused(replyTo: string | undefined, error: ErrorPayload, frame: ServerFrame): void {
    if (this.stream.refused(replyTo, error, this.head) || this.outbox.answer(frame)) return;
    const threadId = this.followAsked.get(replyTo ?? "");
    if (threadId !== undefined && error.retryable) return this.followLater(threadId, error.retry_after_ms);
    if (threadId !== undefined) this.followed.delete(threadId);
    this.events.emit("error", error);
  }

  private followLater(threadId: string, ms = 1_000): void {
    this.clock.after(ms, () => {
      if (this.followed.has(threadId)) this.sendFollow(threadId);
    });
  }

  private deliver(event: DurableEvent): void {
    // A new attempt writes its answer anew; a finished one is in the event itself.
    const anew = event.type === "agent_started" && event.payload.attempt > 1;
    if (anew || event.type === "agent_completed") this.live.forgetRun(event.run_id ?? "");
    this.events.emit("event", event);
  }

  private sendFollow(threadId: string): void {
    const id = this.newId();
    this.followAsked.set(id, threadId);
    this.connection.send({ type: "follow", id, thread_id: threadId, payload: {} });
  }

  private sendResume(position: Position): string {
    const id = this.newId();
    this.connection.send({ type: "resume", id, payload: { ...position } });
    return id;
  }
}

function inThread(threadId: string | undefined): { thread_id?: string } {
  return threadId === undefined ? {} : { thread_id: threadId };
}
