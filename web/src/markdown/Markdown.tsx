// Markdown from models and tools, as React elements. Text never becomes HTML: there is no place here
// where a string is parsed as markup, so a script, an image or a style in it is only text.

import { lexer, type Token, type Tokens } from "marked";
import { memo, useMemo, type ReactNode } from "react";
import { CodeBlock } from "../components/CodeBlock.tsx";
import { decodeEntities } from "./entities.ts";
import { safeLink } from "./links.ts";

/** While text streams in, only its last block changes; the others are not rendered again. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => lexer(text, { gfm: true, breaks: true }), [text]);
  const definitions = Object.keys(tokens.links).length;
  return (
    <div className="markdown">
      {tokens.map((token, index) => (
        <Block key={index} token={token} definitions={definitions} />
      ))}
    </div>
  );
});

interface BlockProps {
  token: Token;
  /** A link definition further down changes what stands above it. */
  definitions: number;
}

const Block = memo(
  ({ token }: BlockProps) => <>{block(token)}</>,
  (a, b) => a.token.raw === b.token.raw && a.definitions === b.definitions,
);

function blocks(tokens: Token[] | undefined): ReactNode {
  return tokens?.map((token, index) => <Block key={index} token={token} definitions={0} />);
}

function block(token: Token): ReactNode {
  switch (token.type) {
    case "heading":
      return heading(token as Tokens.Heading);
    case "paragraph":
      return <p>{inlines(token.tokens)}</p>;
    case "text": // the content of a tight list item
      return token.tokens === undefined ? decodeEntities(token.text as string) : inlines(token.tokens);
    case "code":
      return <CodeBlock code={token.text as string} language={(token as Tokens.Code).lang ?? ""} />;
    case "blockquote":
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case "list":
      return list(token as Tokens.List);
    case "table":
      return table(token as Tokens.Table);
    case "hr":
      return <hr />;
    case "space":
    case "def":
      return null;
    case "html":
      return <p>{token.raw}</p>;
    default:
      return inline(token);
  }
}

function heading({ depth, tokens }: Tokens.Heading): ReactNode {
  // The page has its own h1 and h2; an answer's headings come below them.
  const Level = (["h3", "h4", "h5", "h6"] as const)[Math.min(depth, 4) - 1] ?? "h6";
  return <Level>{inlines(tokens)}</Level>;
}

function list({ ordered, start, items }: Tokens.List): ReactNode {
  const children = items.map((item, index) => (
    <li key={index} className={item.task ? "task" : undefined}>
      {item.task && <input type="checkbox" checked={item.checked === true} disabled aria-label="task" />}
      {blocks(item.tokens.filter(({ type }) => (type as string) !== "checkbox"))}
    </li>
  ));
  return ordered ? <ol start={start === "" ? 1 : start}>{children}</ol> : <ul>{children}</ul>;
}

function table({ header, rows }: Tokens.Table): ReactNode {
  const cells = (row: Tokens.TableCell[], Cell: "th" | "td") =>
    row.map(({ tokens, align }, index) => (
      <Cell key={index} data-align={align ?? undefined}>
        {inlines(tokens)}
      </Cell>
    ));
  return (
    <div className="table" role="region" aria-label="table" tabIndex={0}>
      <table>
        <thead>
          <tr>{cells(header, "th")}</tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>{cells(row, "td")}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inlines(tokens: Token[] | undefined): ReactNode {
  return tokens?.map((token, index) => <Inline key={index} token={token} />);
}

function Inline({ token }: { token: Token }) {
  return <>{inline(token)}</>;
}

function inline(token: Token): ReactNode {
  switch (token.type) {
    case "text":
      return token.tokens === undefined ? decodeEntities(token.text as string) : inlines(token.tokens);
    case "escape":
      return token.text as string;
    case "strong":
      return <strong>{inlines(token.tokens)}</strong>;
    case "em":
      return <em>{inlines(token.tokens)}</em>;
    case "del":
      return <del>{inlines(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text as string}</code>;
    case "br":
      return <br />;
    case "link":
      return <SafeLink address={(token as Tokens.Link).href}>{inlines(token.tokens)}</SafeLink>;
    case "image": // shown as a link: loading it would tell its host that the message was read
      return <SafeLink address={(token as Tokens.Image).href}>Image: {decodeEntities(token.text as string) || "untitled"}</SafeLink>;
    default: // raw HTML and whatever a later version of the parser invents: the text as written
      return token.raw;
  }
}

function SafeLink({ address, children }: { address: string; children: ReactNode }) {
  const href = safeLink(decodeEntities(address));
  if (href === null) return <span className="inert-link">{children}</span>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
