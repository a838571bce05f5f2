import { expect, test } from "vitest";
import { takeLinkToken } from "../src/api/auth.ts";
import { Drafts } from "../src/state/drafts.ts";
import { ago, duration } from "../src/state/words.ts";

function address(hash: string) {
  const replaced: unknown[] = [];
  const history = { replaceState: (...args: unknown[]) => replaced.push(args) } as unknown as History;
  return { replaced, taken: takeLinkToken({ hash, pathname: "/" } as Location, history) };
}

test("the one-time token is taken out of the address at once", () => {
  expect(address("#login=abc%2B1")).toEqual({ taken: "abc+1", replaced: [[null, "", "/"]] });
  expect(address("#thread=1")).toEqual({ taken: null, replaced: [] });
});

test("drafts are kept per thread and person, and survive a storage that refuses", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value), removeItem: (key: string) => void kept.delete(key) };
  new Drafts("u", storage).set("a", "half");
  expect(["a", "b", null].map((thread) => new Drafts("u", storage).get(thread))).toEqual(["half", "", ""]);
  expect(new Drafts("v", storage).get("a")).toBe("");
  new Drafts("u", storage).set("a", "");
  expect(kept.size).toBe(0);
  const full = { ...storage, setItem: () => { throw new Error("full"); } };
  const drafts = new Drafts("u", full);
  drafts.set("a", "text");
  expect(drafts.get("a")).toBe("text");
});

test.each([[12, "12 ms"], [1234, "1.2 s"], [42_000, "42 s"], [125_000, "2 min 5 s"]])("%i ms is %s", (ms, words) => expect(duration(ms)).toBe(words));

test("ages are short", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");
  expect(["2026-01-02T11:59:40Z", "2026-01-02T11:20:00Z", "2026-01-02T07:00:00Z", "rubbish"].map((at) => ago(at, now))).toEqual(["now", "40 min", "5 h", "now"]);
});
