// An answer: the steps that led to it, its text, how the run stands or ended.

import { MessagePrimitive, type ToolCallMessagePartProps } from "@assistant-ui/react";
import { memo, type ComponentProps } from "react";
import { Markdown } from "../markdown/Markdown.tsx";
import type { Item } from "../state/items.ts";
import { isActive, type ToolStep } from "../state/run.ts";
import { CopyButton } from "./CopyButton.tsx";
import { EventTrace } from "./EventTrace.tsx";
import { Mark } from "./Icon.tsx";
import { RunStatus } from "./RunStatus.tsx";
import { Thinking } from "./Thinking.tsx";
import { ToolCard } from "./ToolCard.tsx";

interface AnswerProps extends ComponentProps<"article"> {
  item: Extract<Item, { kind: "assistant" }>;
  again: (() => void) | null;
}

export function Answer({ item, again, ...rest }: AnswerProps) {
  const { run, text } = item;
  const active = run !== null && isActive(run);
  return (
    <article {...rest} className="answer" data-testid="message-assistant" aria-label="Assistant" aria-busy={active} data-writing={active && text !== ""}>
      <Mark />
      <div className="answer-body">
        <MessagePrimitive.Parts components={PARTS} />
        {run !== null && <RunStatus run={run} again={again} />}
        {!active && (
          <footer className="answer-foot">
            {text !== "" && <CopyButton text={text} what="answer" />}
            {run !== null && <EventTrace run={run} />}
          </footer>
        )}
        {active && run.events.length > 0 && (
          <footer className="answer-foot">
            <EventTrace run={run} />
          </footer>
        )}
      </div>
    </article>
  );
}

const ToolPart = memo(({ artifact }: ToolCallMessagePartProps) => <ToolCard step={artifact as ToolStep} />);

const PARTS = {
  Text: ({ text }: { text: string }) => <Markdown text={text} />,
  Reasoning: ({ text }: { text: string }) => <Thinking text={text} />,
  tools: { Fallback: ToolPart },
  Empty: () => null,
};
