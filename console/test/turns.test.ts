import { describe, expect, test } from "vitest";
import type { Message, Turn } from "../src/api/types";
import { byTurn, isSaidAgain, placeOf } from "../src/reading/takeovers";
import { merged, withEnd } from "../src/reading/useTurns";

const NONE = { endOfTurn: null, transcription: null, llmFirstToken: null, ttsFirstByte: null, total: null };
const SAID = { role: "user", content: "Hello", createdAt: 0, interrupted: false, heardMs: null, speaker: null, sessionId: "s", takeover: null };
const turn = (id: string, hasUser = true): Turn => ({ id, user: hasUser ? { id, ...SAID } : null, assistant: [], tools: [], delays: NONE });
const ids = (turns: readonly Turn[]): string[] => turns.map((one) => one.id);

test("a new end is put behind what is known", () => {
  const known = { items: [turn("a"), turn("b")], before: "cursor" };
  expect(ids(withEnd(known, { items: [turn("b"), turn("c")], before: "x" }).items)).toEqual(["a", "b", "c"]);
  expect(withEnd(known, { items: [turn("b")], before: "x" }).before).toBe("cursor");
});

test("an end behind a gap takes the place of what is known", () => {
  const end = { items: [turn("y"), turn("z")], before: "x" };
  expect(withEnd({ items: [turn("a")], before: null }, end)).toBe(end);
});

test("a turn whose beginning is in front of the page stays whole", () => {
  expect(merged([turn("a")], [turn("a", false)])[0]?.user).not.toBeNull();
});

test("a takeover stands with the turn in which it happened", () => {
  const at = (id: string, createdAt: number): Turn => ({ ...turn(id), user: { id, ...SAID, createdAt } });
  const term = { sessionId: "s", term: 2, agentIdentity: null, takenAt: 15, cause: "crashed", gapMs: 700, plan: null, report: null };
  expect([...byTurn([at("a", 0), at("b", 10), at("c", 20)], [term])]).toEqual([["b", [term]]]);
});

describe("a takeover", () => {
  const term = { sessionId: "s", term: 2, agentIdentity: null, takenAt: 15, cause: "crashed", gapMs: 700, plan: "resume", report: null };
  const reply = (createdAt: number, change: Partial<Message> = {}): Message => ({ id: `${createdAt}`, ...SAID, role: "assistant", createdAt, ...change });
  const cut = reply(16, { interrupted: true, takeover: 2, content: "Good morning. The light went" });

  test("stands behind the reply that it cut, whenever that was written down", () => {
    expect(placeOf(term, [cut, reply(17)])).toBe(1);
    expect([...byTurn([{ ...turn("greeting", false), assistant: [cut] }], [term]).keys()]).toEqual(["greeting"]);
  });

  test("stands where its time is when it cut nothing, also near a reply that was spoken into", () => {
    expect(placeOf(term, [reply(10, { interrupted: true }), reply(12), reply(20)])).toBe(2);
    expect(placeOf(term, [reply(10), reply(20)])).toBe(1);
    expect(placeOf(term, [])).toBe(0);
    expect(placeOf(term, [reply(10), { ...cut, sessionId: "of another role" }])).toBe(1);
  });

  test("says that the cut sentence was said again only when it was", () => {
    expect(isSaidAgain(term, [cut, reply(17, { content: "The light went round." })])).toBe(true);
    expect(isSaidAgain(term, [cut, reply(17, { content: "round and round." })])).toBe(false);
    expect(isSaidAgain(term, [{ ...cut, content: "Good morning." }, reply(17, { content: "Good morning." })])).toBe(false);
    expect(isSaidAgain(term, [cut])).toBe(false);
  });
});
