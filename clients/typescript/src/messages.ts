// The frames of netra.v1, field for field as docs/protocol.md has them.
// No logic here: a check compares this file with the server's own types.

export const SUBPROTOCOL = "netra.v1";

export type IfRunning = "enqueue" | "reject" | "interrupt";
export type Role = "user" | "assistant";
export type ToolStatus = "ok" | "error" | "cancelled" | "unknown";
export type EndStatus = "completed" | "stopped" | "failed" | "timed_out";
export type ErrorCode =
  | "bad_message"
  | "unknown_type"
  | "too_large"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "rate_limited"
  | "busy"
  | "bad_resume"
  | "degraded"
  | "internal";

// ---- frames from the client ----

export interface AuthenticatePayload {
  token: string;
}
export interface ResumePayload {
  epoch: string;
  after: number;
}
export interface UserMessagePayload {
  text: string;
  references?: (string | Record<string, unknown>)[];
  agent?: string;
  if_running?: IfRunning;
}
export interface StartAgentPayload {
  agent?: string;
  query: string;
  input?: Record<string, unknown>;
  if_running?: IfRunning;
}
export interface StopAgentPayload {
  run_id: string;
}
export interface GetThreadHistoryPayload {
  limit?: number;
  before?: string;
}
export interface ListThreadsPayload {
  limit?: number;
  before?: string;
}
export interface TypingPayload {
  active: boolean;
}

interface Sent<Type extends string, Payload> {
  type: Type;
  id?: string;
  payload?: Payload;
}
interface SentToThread<Type extends string, Payload> extends Sent<Type, Payload> {
  thread_id: string;
}

export type ClientFrame =
  | Sent<"authenticate", AuthenticatePayload>
  | Sent<"resume", ResumePayload>
  | (Sent<"user_message", UserMessagePayload> & { id: string; thread_id?: string })
  | (Sent<"start_agent", StartAgentPayload> & { id: string; thread_id?: string })
  | (Sent<"stop_agent", StopAgentPayload> & { id: string })
  | SentToThread<"get_thread_history", GetThreadHistoryPayload>
  | Sent<"list_threads", ListThreadsPayload>
  | SentToThread<"follow", Record<string, never>>
  | SentToThread<"unfollow", Record<string, never>>
  | SentToThread<"typing", TypingPayload>
  | Sent<"ping", Record<string, never>>;

// ---- frames from the server ----

export interface Message {
  id: string;
  role: Role;
  content: string;
  created_at: string;
  run_id?: string;
  client_id?: string;
  references?: unknown[];
}
export interface Thread {
  id: string;
  title: string;
  archived: boolean;
  created_at: string;
  updated_at: string;
}
export interface RunError {
  code: string;
  message: string;
}
export interface Usage {
  input_tokens: number;
  output_tokens: number;
}

export interface MessageCreatedPayload {
  message: Message;
}
export interface AgentStartedPayload {
  agent: string;
  attempt: number;
  message_id: string;
}
export interface AgentThinkingPayload {
  text: string;
}
export interface ToolExecutingPayload {
  tool_call_id: string;
  tool: string;
  arguments: unknown;
}
export interface ToolCompletedPayload {
  tool_call_id: string;
  tool: string;
  status: ToolStatus;
  result?: unknown;
  error?: string;
  duration_ms: number;
}
export interface AgentCompletedPayload {
  status: EndStatus;
  message?: Message;
  error?: RunError;
  usage?: Usage;
  duration_ms: number;
  attempts: number;
}
export interface ThreadUpdatedPayload {
  title?: string;
  archived?: boolean;
}
export interface MessageDeltaPayload {
  message_id: string;
  offset: number;
  text: string;
}
export interface MessageSnapshotPayload {
  message_id: string;
  text: string;
}
export interface ConnectedPayload {
  user_id: string;
  tenant_id: string;
  connection_id: string;
  epoch: string;
  head: number;
  heartbeat_s: number;
  max_frame_bytes: number;
  server_version: string;
}
export interface HeadPayload {
  head: number;
}
export interface ResyncPayload {
  reason: string;
  head: number;
}
export interface AcceptedPayload {
  message_id: string;
  duplicate: boolean;
  queue_position: number;
}
export interface ErrorPayload {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  retry_after_ms?: number;
  path?: string;
}
export interface ThreadHistoryPayload {
  messages: Message[];
  has_more: boolean;
}
export interface ThreadsPayload {
  threads: Thread[];
  has_more: boolean;
}
export interface TokenExpiringPayload {
  seconds: number;
}
export interface ReconnectPayload {
  retry_after_ms: number;
}

interface Received<Type extends string, Payload> {
  type: Type;
  payload: Payload;
  reply_to?: string;
  seq?: number;
  thread_id?: string;
  run_id?: string;
  ts?: string;
}
interface Durable<Type extends string, Payload> extends Received<Type, Payload> {
  seq: number;
  thread_id: string;
}
interface OfRun<Type extends string, Payload> extends Durable<Type, Payload> {
  run_id: string;
}

/** Stored, numbered per user without a gap, the same on every connection. */
export type DurableEvent =
  | Durable<"message_created", MessageCreatedPayload>
  | OfRun<"agent_started", AgentStartedPayload>
  | OfRun<"agent_thinking", AgentThinkingPayload>
  | OfRun<"tool_executing", ToolExecutingPayload>
  | OfRun<"tool_completed", ToolCompletedPayload>
  | OfRun<"agent_completed", AgentCompletedPayload>
  | Durable<"thread_updated", ThreadUpdatedPayload>;

/** Never stored; losing one costs nothing. */
export type LiveFrame =
  | Received<"message_delta", MessageDeltaPayload>
  | Received<"message_snapshot", MessageSnapshotPayload>;

export type ControlFrame =
  | Received<"connected", ConnectedPayload>
  | Received<"resumed", HeadPayload>
  | Received<"resync", ResyncPayload>
  | Received<"accepted", AcceptedPayload>
  | Received<"error", ErrorPayload>
  | Received<"heartbeat", HeadPayload>
  | Received<"pong", HeadPayload>
  | Received<"followed", Record<string, never>>
  | Received<"unfollowed", Record<string, never>>
  | Received<"thread_history", ThreadHistoryPayload>
  | Received<"threads", ThreadsPayload>
  | Received<"typing", TypingPayload>
  | Received<"token_expiring", TokenExpiringPayload>
  | Received<"reconnect", ReconnectPayload>;

export type ServerFrame = DurableEvent | LiveFrame | ControlFrame;
export type DurableType = DurableEvent["type"];
