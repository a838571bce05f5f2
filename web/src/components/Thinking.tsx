// What the agent thought, folded away.

import { Markdown } from "../markdown/Markdown.tsx";
import { Icon } from "./Icon.tsx";

export function Thinking({ text }: { text: string }) {
  return (
    <details className="step thinking" data-testid="thinking">
      <summary>
        <Icon name="thought" />
        <span className="step-name">Thinking</span>
        <span className="preview">{text.replaceAll(/\*\*|`/g, "").replaceAll("\n", " ")}</span>
        <Icon name="chevron" />
      </summary>
      <div className="step-body">
        <Markdown text={text} />
      </div>
    </details>
  );
}
