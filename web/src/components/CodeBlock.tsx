// A block of code with its language and a button that copies it.

import { CopyButton } from "./CopyButton.tsx";

export function CodeBlock({ code, language }: { code: string; language: string }) {
  const name = language.split(/\s/, 1)[0] ?? "";
  return (
    <div className="code">
      <div className="code-head">
        <span>{name || "text"}</span>
        <CopyButton text={code} what="code" />
      </div>
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}
