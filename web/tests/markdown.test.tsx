import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { decodeEntities } from "../src/markdown/entities.ts";
import { safeLink } from "../src/markdown/links.ts";
import { Markdown } from "../src/markdown/Markdown.tsx";

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />);
const tags = (text: string) => new Set([...html(text).matchAll(/<(\w+)/g)].map(([, name]) => name));

test("what markdown can do", () => {
  const all = "# h\n\npara **b** *i* ~~d~~ `c`\n\n- a\n  - b\n\n1. x\n\n> q\n\n---\n\n```py\ncode\n```\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n- [x] done";
  for (const tag of ["h3", "p", "strong", "em", "del", "code", "ul", "ol", "li", "blockquote", "hr", "pre", "table", "th", "td", "input"]) {
    expect(tags(all)).toContain(tag);
  }
  expect(html("| a |\n|--:|\n| 1 |")).toContain('<td data-align="right">1</td>');
});

test.each([
  "<script>alert(1)</script>",
  "hi <img src=x onerror=alert(1)> there",
  "<svg><script>alert(1)</script></svg>",
  "<iframe src='https://evil.example'></iframe>",
  "<style>*{display:none}</style>",
  "<div onclick=alert(1) style='position:fixed'>x</div>",
  "<a href='javascript:alert(1)'>x</a>",
  "<!-- <b> --><b>",
  "- <object data=x></object>",
  "| <embed src=x> |\n|---|\n| <form action=x> |",
])("raw HTML is text: %s", (source) => {
  const allowed = new Set(["div", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"]);
  expect([...tags(source)].filter((name) => !allowed.has(name ?? ""))).toEqual([]);
  expect(html(source)).not.toMatch(/<[^>]+\s(on\w+|style|src|action)=/);
  expect(html(source)).toContain("&lt;");
});

test.each([
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java&#10;script:alert(1))",
  "[x](javascript&colon;alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](data:text/html,<script>alert(1)</script>)",
  "[x](vbscript:msgbox(1))",
  "[x](file:///etc/passwd)",
  "[x](blob:https://a/b)",
  "[x](/auth/logout)",
  "[x](//evil.example)",
  "<javascript:alert(1)>",
  "[x][1]\n\n[1]: javascript:alert(1)",
  "![x](javascript:alert(1))",
  "![x](data:image/svg+xml;base64,AAAA)",
])("an address that does something else is inert: %s", (source) => {
  expect(html(source)).not.toMatch(/href=|src=/);
});

test("a link opens elsewhere and tells that place nothing", () => {
  expect(html("[x](https://example.com/a?b=c&d)")).toContain(
    '<a href="https://example.com/a?b=c&amp;d" target="_blank" rel="noopener noreferrer nofollow">x</a>',
  );
  expect(html("https://example.com")).toContain('href="https://example.com/"');
});

test("an image is a link with its title and loads nothing", () => {
  const shown = html("![a cat](https://example.com/cat.png)");
  expect(shown).not.toMatch(/<img|src=/);
  expect(shown).toContain(">Image: a cat</a>");
});

test("an attribute cannot be broken out of", () => {
  expect(html('[x](https://e.example/"onmouseover="alert(1))')).not.toMatch(/"\s*onmouseover=/);
});

test("half a message is readable", () => {
  expect(html("Look:\n\n```py\nprint(1")).toContain("print(1");
  expect(html("**bo")).toContain("**bo");
});

test.each([["&amp;", "&"], ["&lt;b&gt;", "<b>"], ["&#65;&#x42;", "AB"], ["&#0;&#xd800;&#9999999;", "\ufffd\ufffd\ufffd"], ["&nosuch;", "&nosuch;"]])(
  "the reference %s is read as %s",
  (source, read) => expect(decodeEntities(source)).toBe(read),
);

test.each([["https://a.example", true], ["mailto:a@b.example", true], [" javascript:alert(1)", false], ["java\tscript:alert(1)", false], ["relative/path", false], ["", false]])(
  "%j may be a link: %s",
  (address, allowed) => expect(safeLink(address) !== null).toBe(allowed),
);
