// A message of the person, and what became of it on its way to the server.

import type { ComponentProps } from "react";
import type { Item } from "../state/items.ts";
import { Icon } from "./Icon.tsx";

interface QuestionProps extends ComponentProps<"article"> {
  item: Extract<Item, { kind: "user" }>;
  retry: (clientId: string) => void;
  discard: (clientId: string) => void;
}

export function Question({ item, retry, discard, ...rest }: QuestionProps) {
  const { outgoing, text } = item;
  const state = outgoing === null ? "stored" : outgoing.refused === undefined ? "sending" : "refused";
  return (
    <article {...rest} className="question" data-testid="message-user" data-state={state} aria-label="You">
      <div className="bubble">{text}</div>
      {state === "sending" && <p className="fate faint">Sending…</p>}
      {outgoing?.refused !== undefined && (
        <div className="fate" role="alert">
          <span>Not sent. {outgoing.refused}</span>
          <button type="button" className="quiet small" onClick={() => retry(outgoing.clientId)}>
            <Icon name="retry" /> Try again
          </button>
          <button type="button" className="quiet small" onClick={() => discard(outgoing.clientId)}>
            Discard
          </button>
        </div>
      )}
    </article>
  );
}
