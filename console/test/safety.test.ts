import { describe, expect, test } from "vitest";
import { bind, isUnseen, parseDegraded, parseSafety, type Safety } from "../src/call/safety";
import { hear, type Line } from "../src/call/transcript";

function lines(...roles: readonly ("user" | "assistant")[]): readonly Line[] {
  return roles.reduce<readonly Line[]>(
    (all, role, i) => hear(all, { segment: `s${i}`, role, from: "x", text: `line ${i}`, final: true, cut: false, at: i }), [],
  );
}
const safe = (change: Partial<Safety> = {}): Safety => ({ id: "item_a", role: "user", level: "process", by: "agent-1", ...change });
const bound = (all: readonly Line[]): readonly (readonly [string | null, string | null])[] =>
  all.map((line) => [line.item, line.level] as const);

describe("binding", () => {
  test("an unknown item is the newest unbound line of its role", () => {
    expect(bound(bind(lines("user", "assistant", "user"), safe()))).toEqual([[null, null], [null, null], ["item_a", "process"]]);
    expect(bound(bind(lines("user", "assistant"), safe()))).toEqual([["item_a", "process"], [null, null]]);
  });

  test("a known item stays at its line and its level only grows", () => {
    const one = bind(lines("user"), safe({ level: "disk" }));
    const two = hear(one, { segment: "new", role: "user", from: "x", text: "more", final: true, cut: false, at: 9 });
    expect(bound(bind(two, safe({ level: "service" })))).toEqual([["item_a", "service"], [null, null]]);
    expect(bind(two, safe({ level: "process" }))).toBe(two);
  });

  test("what the same process bound before is at least as safe, what another one bound is not", () => {
    let all = bind(lines("user", "assistant", "user"), safe({ role: "assistant", id: "item_0", by: "agent-0" }));
    all = bind(all, safe());
    all = hear(all, { segment: "new", role: "assistant", from: "x", text: "more", final: true, cut: false, at: 9 });
    all = bind(all, safe({ id: "item_b", role: "assistant", level: "service" }));
    expect(all.map((line) => line.level)).toEqual([null, "process", "service", "service"]);
  });

  test("without a line of that role nothing changes", () => {
    const none = lines("assistant");
    expect(bind(none, safe())).toBe(none);
    expect(bind([], safe())).toEqual([]);
  });

  test("a line that is bound later stands later, as in the log", () => {
    const all = bind(lines("user", "assistant"), safe({ role: "assistant" })); // the user had begun to interrupt
    const both = bind(all, safe({ id: "item_b" }));
    expect(both.map((line) => [line.role, line.item])).toEqual([["assistant", "item_a"], ["user", "item_b"]]);
  });

  test("an item is unseen when no line is it or may become it", () => {
    const one = bind(lines("user"), safe());
    expect(isUnseen(one, safe())).toBe(false);
    expect(isUnseen(one, safe({ id: "item_b" }))).toBe(true);
    expect(isUnseen(lines("assistant"), safe({ role: "assistant" }))).toBe(false);
  });

  test("a line that is lost is never shown as safe, whatever is said later or behind it", () => {
    const all = bind(bind(lines("user", "assistant"), safe({ level: "process" })), safe({ level: null }));
    expect(all.map((line) => [line.level, line.lost])).toEqual([[null, true], [null, false]]);
    expect(bind(all, safe({ level: "service" }))).toBe(all);
    const later = bind(all, safe({ id: "item_b", role: "assistant", level: "service" }));
    expect(later.map((line) => [line.level, line.lost])).toEqual([[null, true], ["service", false]]);
  });

  test("two items never share a line", () => {
    const one = bind(lines("user"), safe());
    expect(bind(one, safe({ id: "item_b" }))).toBe(one);
  });
});

describe("the message", () => {
  test("is read when it is version 1", () => {
    expect(parseSafety('{"v":1,"id":"item_x","role":"assistant","level":"disk"}', "a")).toEqual({ id: "item_x", role: "assistant", level: "disk", by: "a" });
  });

  test("may say that a line is lost, or what degrades the call", () => {
    expect(parseSafety('{"v":1,"id":"item_x","role":"user","lost":true}', "a")).toEqual({ id: "item_x", role: "user", level: null, by: "a" });
    expect(parseDegraded('{"v":1,"degraded":"the disk is full"}', "a")).toEqual({ words: "the disk is full", by: "a" });
    expect(parseDegraded('{"v":1,"degraded":null}', "a")).toEqual({ words: null, by: "a" });
    for (const other of ['{"v":1,"id":"i","role":"user","level":"disk"}', '{"v":2,"degraded":"x"}', '{"v":1,"degraded":7}', "x"]) {
      expect(parseDegraded(other, "a")).toBeNull();
    }
  });

  test.each([
    "", "null", "[]", "{", '{"v":2,"id":"i","role":"user","level":"disk"}', '{"v":1,"id":7,"role":"user","level":"disk"}',
    '{"v":1,"id":"","role":"user","level":"disk"}', '{"v":1,"id":"i","role":"system","level":"disk"}',
    '{"v":1,"id":"i","role":"user","level":"moon"}',
  ])("is ignored when it is %s", (payload) => {
    expect(parseSafety(payload, "a")).toBeNull();
  });
});
