import { expect, test } from "vitest";
import type { Message, Turn } from "../src/api/types";
import { byTurn, placeOf } from "../src/reading/takeovers";
import { merged, withEnd } from "../src/reading/useTurns";

const NONE = { endOfTurn: null, transcription: null, llmFirstToken: null, ttsFirstByte: null, total: null };
const SAID = { role: "user", content: "Hello", createdAt: 0, interrupted: false, heardMs: null, speaker: null };
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
  const term = { term: 2, agentIdentity: null, takenAt: 15, cause: "crashed", gapMs: 700, plan: null, report: null };
  expect([...byTurn([at("a", 0), at("b", 10), at("c", 20)], [term])]).toEqual([["b", [term]]]);
});

test("a takeover stands behind the reply that it cut, whenever that was written down", () => {
  const term = { term: 2, agentIdentity: null, takenAt: 15, cause: "crashed", gapMs: 700, plan: null, report: null };
  const reply = (createdAt: number, interrupted: boolean): Message => ({ id: `${createdAt}`, ...SAID, role: "assistant", createdAt, interrupted });
  expect(placeOf(term, [reply(16, true), reply(17, false)])).toBe(1);
  expect(placeOf(term, [reply(10, true), reply(12, false), reply(20, false)])).toBe(1);
  expect(placeOf(term, [reply(10, false), reply(20, false)])).toBe(1);
  expect(placeOf(term, [])).toBe(0);
});
