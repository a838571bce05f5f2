// The message box. Enter sends, Shift+Enter makes a line, Escape stops; a draft is kept per thread.

import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import type { Drafts } from "../state/drafts.ts";
import type { Run } from "../state/run.ts";
import { Icon } from "./Icon.tsx";

interface ComposerProps {
  threadId: string | null;
  drafts: Drafts;
  run: Run | null;
  send: (text: string) => void;
  stop: () => void;
}

export function Composer({ threadId, drafts, run, send, stop }: ComposerProps) {
  const [text, setText] = useState(() => drafts.get(threadId));
  const box = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim() !== "";
  useHeight(box, text);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) box.current?.focus();
  }, []);

  const write = (value: string) => {
    setText(value);
    drafts.set(threadId, value);
  };
  const submit = () => {
    if (!ready) return;
    send(text.trim());
    write("");
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };

  return (
    <form className="composer" onSubmit={(event) => (event.preventDefault(), submit())}>
      <div className="composer-box">
        <textarea
          id="composer" ref={box} data-testid="composer" rows={1} value={text} aria-label="Message"
          placeholder={run === null ? "Write a message" : "Write the next message"} enterKeyHint="send"
          onChange={(event) => write(event.target.value)} onKeyDown={onKey}
        />
        {run !== null && (
          <button data-testid="stop" type="button" className="round stop" onClick={stop} disabled={run.stopping} aria-label="Stop the answer" title="Stop (Escape)">
            <Icon name="stop" />
          </button>
        )}
        <button data-testid="send" type="submit" className="round send" disabled={!ready} aria-label="Send" title="Send (Enter)">
          <Icon name="send" />
        </button>
      </div>
      <p className="hint faint">
        <kbd>Enter</kbd> sends · <kbd>Shift</kbd>+<kbd>Enter</kbd> new line{run !== null && <> · <kbd>Esc</kbd> stops</>}
      </p>
    </form>
  );
}

/** As high as its text; the style sheet sets the limit, beyond which it scrolls. */
function useHeight(box: React.RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [box, text]);
}
