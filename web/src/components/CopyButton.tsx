// Copies text and says so for a moment.

import { useEffect, useState } from "react";
import { Icon } from "./Icon.tsx";

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => undefined);
  return (
    <button type="button" className="quiet small" onClick={() => void copy()} aria-label={`Copy ${what}`}>
      <Icon name={copied ? "check" : "copy"} />
      <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
    </button>
  );
}
