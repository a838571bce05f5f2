// One call of a tool: name, arguments, how it ended, how long it took, what it brought.

import type { ToolStep } from "../state/run.ts";
import { duration, json } from "../state/words.ts";
import { Icon, type IconName } from "./Icon.tsx";

const ENDS: Record<ToolStep["status"], { word: string; icon: IconName }> = {
  running: { word: "Running", icon: "tool" },
  ok: { word: "Done", icon: "check" },
  error: { word: "Failed", icon: "cross" },
  cancelled: { word: "Cancelled", icon: "stop" },
  unknown: { word: "Outcome unknown", icon: "question" },
};

export function ToolCard({ step }: { step: ToolStep }) {
  const { word, icon } = ENDS[step.status];
  return (
    <details className="step tool" data-testid="tool-card" data-status={step.status}>
      <summary>
        <Icon name="tool" />
        <span className="step-name">{step.tool}</span>
        <span className="preview mono">{brief(step.arguments)}</span>
        <span className="step-end">
          {step.status === "running" ? <span className="spinner" aria-hidden="true" /> : <Icon name={icon} />}
          <span className="step-word">{word}</span>
          {step.durationMs !== undefined && <span className="faint">{duration(step.durationMs)}</span>}
        </span>
        <Icon name="chevron" />
      </summary>
      <div className="step-body">
        <Value name="Arguments" value={step.arguments} />
        {step.result !== undefined && <Value name="Result" value={step.result} />}
        {step.error !== undefined && <Value name="Error" value={step.error} />}
        {step.status === "unknown" && (
          <p className="faint">Its worker was lost before the outcome was stored. The tool may or may not have done its work.</p>
        )}
      </div>
    </details>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  return (
    <section>
      <h4>{name}</h4>
      <pre tabIndex={0}>{json(value)}</pre>
    </section>
  );
}

function brief(value: unknown): string {
  if (typeof value !== "object" || value === null) return json(value);
  return Object.entries(value)
    .map(([name, part]) => `${name}: ${typeof part === "string" ? part : JSON.stringify(part)}`)
    .join(", ");
}
