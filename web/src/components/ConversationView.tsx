// A conversation on assistant-ui: our reducer's state goes in as an external store, its primitives
// give scrolling and message context, our parts give the look.

import {
  AssistantRuntimeProvider, MessagePrimitive, ThreadPrimitive, useAuiState, useExternalStoreRuntime,
  type AppendMessage,
} from "@assistant-ui/react";
import { createContext, use, useCallback, useMemo } from "react";
import { currentRun, type Conversation } from "../state/conversation.ts";
import type { Drafts } from "../state/drafts.ts";
import { itemsOf, toMessage, type Item } from "../state/items.ts";
import { isActive } from "../state/run.ts";
import type { Session } from "../state/session.ts";
import { Answer } from "./Answer.tsx";
import { Composer } from "./Composer.tsx";
import { EmptyState } from "./EmptyState.tsx";
import { Icon } from "./Icon.tsx";
import { LiveRegion } from "./LiveRegion.tsx";
import { Question } from "./Question.tsx";

interface ConversationProps {
  session: Session;
  conversation: Conversation;
  drafts: Drafts;
}

const SessionContext = createContext<Session | null>(null);

export function ConversationView({ session, conversation, drafts }: ConversationProps) {
  const items = useMemo(() => itemsOf(conversation), [conversation]);
  const run = currentRun(conversation);
  const last = items.at(-1);
  const runtime = useExternalStoreRuntime<Item>({
    messages: items,
    convertMessage: toMessage,
    // assistant-ui invents an empty answer below a question while it runs; ours comes with its run.
    isRunning: last?.kind === "assistant" && last.run !== null && isActive(last.run),
    onNew: useCallback(async (message: AppendMessage) => session.send(textOf(message)), [session]),
    onCancel: useCallback(async () => session.stop(), [session]),
  });
  return (
    <SessionContext value={session}>
      <AssistantRuntimeProvider runtime={runtime}>
        <ThreadPrimitive.Root className="thread-root">
          <ThreadPrimitive.Viewport className="viewport" data-testid="messages">
            <div className="column" role="log" aria-label="Messages" aria-live="off">
              {conversation.hasMore && (
                <button type="button" className="quiet older" onClick={() => void session.older()}>
                  Show earlier messages
                </button>
              )}
              {!conversation.loaded && items.length === 0 && <Skeleton />}
              {conversation.loaded && items.length === 0 && <EmptyState choose={(text) => void session.send(text)} />}
              <ThreadPrimitive.Messages components={MESSAGES} />
            </div>
            <ThreadPrimitive.ScrollToBottom className="to-bottom" aria-label="Scroll to the newest message">
              <Icon name="down" />
            </ThreadPrimitive.ScrollToBottom>
          </ThreadPrimitive.Viewport>
          <Composer
            threadId={conversation.threadId} drafts={drafts} run={run}
            send={(text) => void session.send(text)} stop={() => void session.stop()}
          />
          <LiveRegion items={items} />
        </ThreadPrimitive.Root>
      </AssistantRuntimeProvider>
    </SessionContext>
  );
}

const MESSAGES = { UserMessage, AssistantMessage };

function useItem(): Item {
  return useAuiState((state) => state.message.metadata.custom["item"]) as Item;
}

function UserMessage() {
  const item = useItem();
  const session = use(SessionContext);
  if (item.kind !== "user" || session === null) return null;
  return (
    <MessagePrimitive.Root asChild>
      <Question item={item} retry={(id) => void session.retry(id)} discard={(id) => session.discard(id)} />
    </MessagePrimitive.Root>
  );
}

function AssistantMessage() {
  const item = useItem();
  const session = use(SessionContext);
  if (item.kind !== "assistant") return null;
  const question = item.run === null ? null : (session?.questionOf(item.run.id) ?? null);
  return (
    <MessagePrimitive.Root asChild>
      <Answer item={item} again={question === null ? null : () => void session?.send(question)} />
    </MessagePrimitive.Root>
  );
}

function Skeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      <span />
      <span />
      <span />
    </div>
  );
}

function textOf({ content }: AppendMessage): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("");
}
