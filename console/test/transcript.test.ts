import { describe, expect, test } from "vitest";
import type { Message } from "../src/api/types";
import { hear, type Heard, isFinal, type Line, lineText, withHistory } from "../src/call/transcript";

const heard = (change: Partial<Heard>): Heard => ({
  segment: "s1", role: "user", from: "me", text: "hello", final: false, cut: false, at: 1, ...change,
});
const all = (...events: readonly Partial<Heard>[]): readonly Line[] =>
  events.reduce<readonly Line[]>((lines, event) => hear(lines, heard(event)), []);
const message = (change: Partial<Message>): Message => ({
  id: "item_1", role: "user", content: "hello", createdAt: 1, interrupted: false, heardMs: null, speaker: null, sessionId: null, takeover: null, ...change,
});

describe("hearing", () => {
  test("a final text replaces the interim one of its segment", () => {
    const lines = all({ text: "hel" }, { text: "hello" }, { text: "Hello.", final: true });
    expect(lines.map(lineText)).toEqual(["Hello."]);
    expect(lines.every(isFinal)).toBe(true);
  });

  test("a late interim text does not replace the final one", () => {
    expect(all({ text: "Hello.", final: true }, { text: "hell" }).map(lineText)).toEqual(["Hello."]);
  });

  test("the pieces of one user turn are one line", () => {
    const lines = all({ final: true }, { segment: "s2", text: "again" });
    expect(lines.map(lineText)).toEqual(["hello again"]);
    expect(isFinal(lines[0] as Line)).toBe(false);
  });

  test("what a person says after a committed line is a new line", () => {
    const first = all({ final: true }).map((line) => ({ ...line, item: "item_1" }));
    expect(hear(first, heard({ segment: "s2", text: "again" })).map(lineText)).toEqual(["hello", "again"]);
  });

  test("each answer is a line of its own", () => {
    const lines = all({ role: "assistant" }, { segment: "s2", role: "assistant", text: "and" });
    expect(lines.map(lineText)).toEqual(["hello", "and"]);
  });

  test("a stream that breaks leaves a final, cut line", () => {
    const [line] = all({ role: "assistant", text: "I was say" }, { role: "assistant", text: "I was say", cut: true });
    expect(line).toMatchObject({ cut: true });
    expect(isFinal(line as Line)).toBe(true);
  });

  test("when the next process of the assistant speaks, the unfinished line before it is cut", () => {
    const lines = all(
      { role: "assistant", from: "agent-1", text: "I was say" },
      { segment: "s2", role: "assistant", from: "agent-2", text: "Sorry" },
    );
    expect(lines.map((line) => [line.cut, isFinal(line)])).toEqual([[true, true], [false, false]]);
  });

  test("a text that is taken back is no line", () => {
    expect(all({ text: "uh" }, { text: "", final: true })).toEqual([]);
    expect(all({ text: " " })).toEqual([]);
  });
});

describe("history", () => {
  test("comes before what was heard live", () => {
    const lines = withHistory(all({ text: "now" }), [message({ content: "before" })]);
    expect(lines.map(lineText)).toEqual(["before", "now"]);
    expect(lines[0]).toMatchObject({ earlier: true, level: "service", item: "item_1" });
  });

  test("does not repeat a live line, neither by item nor by words", () => {
    const live = all({ text: "Hello", final: true });
    expect(withHistory(live, [message({ content: "hello " })])).toEqual(live);
    const bound = live.map((line) => ({ ...line, item: "item_1" }));
    expect(withHistory(bound, [message({ content: "corrected" })])).toEqual(bound);
  });

  test("what the service has behind the last live line comes behind it", () => {
    const live = all({ text: "two" }).map((line) => ({ ...line, item: "item_2" }));
    const messages = [
      message({ content: "one" }), message({ id: "item_2", content: "two" }), message({ id: "item_3", content: "three" }),
    ];
    expect(withHistory(live, messages).map(lineText)).toEqual(["one", "two", "three"]);
  });

  test("asked again, it does not double", () => {
    const messages = [message({ content: "before" })];
    expect(withHistory(withHistory(all({}), messages), messages).map(lineText)).toEqual(["before", "hello"]);
  });

  test("leaves out what was not spoken, and marks what was interrupted", () => {
    const lines = withHistory([], [message({ role: "function_call" }), message({ id: "b", interrupted: true, heardMs: 900 })]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ cut: true, heardMs: 900 });
  });
});
