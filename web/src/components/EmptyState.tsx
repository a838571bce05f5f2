// What to do with an empty conversation.

import { Mark } from "./Icon.tsx";

const EXAMPLES = [
  { title: "Calculate", text: "What is 12 * (3 + 4)?" },
  { title: "Look back", text: "What did I write about invoices?" },
  { title: "Try to stop it", text: "Count slowly to 20" },
];

export function EmptyState({ choose }: { choose: (text: string) => void }) {
  return (
    <section className="empty">
      <Mark />
      <h2>What can I do for you?</h2>
      <p className="faint">Answers keep being written when you close this page. Nothing you send is lost.</p>
      <div className="examples">
        {EXAMPLES.map(({ title, text }) => (
          <button key={text} type="button" className="example" onClick={() => choose(text)}>
            <strong>{title}</strong>
            <span>{text}</span>
          </button>
        ))}
      </div>
    </section>
  );
}
