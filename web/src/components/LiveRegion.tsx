// Tells a screen reader when an answer begins and, once it is whole, what it says. Reading out
// every piece of streamed text would drown it.

import type { Item } from "../state/items.ts";
import { isActive } from "../state/run.ts";
import { explainRun } from "../state/words.ts";

const SPOKEN = 600;

export function LiveRegion({ items }: { items: readonly Item[] }) {
  return (
    <div className="only-spoken" role="status" aria-live="polite" data-testid="announcement">
      {announcement(items.at(-1))}
    </div>
  );
}

function announcement(last: Item | undefined): string {
  if (last?.kind !== "assistant" || last.run === null || last.run.events.length === 0) return "";
  if (isActive(last.run)) return last.run.stopping ? "Stopping." : "The assistant is working.";
  if (last.run.status === "stopped") return "The answer was stopped.";
  if (last.run.status !== "completed") return explainRun(last.run);
  return `Answer: ${last.text.slice(0, SPOKEN)}`;
}
