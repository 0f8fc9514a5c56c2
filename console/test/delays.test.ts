import { expect, test } from "vitest";
import type { Delays, Turn } from "../src/api/types";
import { longest, median, parts, total } from "../src/lib/delays";

const delays = (change: Partial<Delays>): Delays => ({
  endOfTurn: null, transcription: null, llmFirstToken: null, ttsFirstByte: null, total: null, ...change,
});
const turn = (change: Partial<Delays>): Turn => ({ id: "t", user: null, assistant: [], tools: [], delays: delays(change) });

test("the parts are in order and what the total has beyond them is the rest", () => {
  expect(parts(delays({ endOfTurn: 400, transcription: 300, llmFirstToken: 200, ttsFirstByte: 100, total: 800 }))).toEqual([
    { name: "turn", ms: 400 }, { name: "model", ms: 200 }, { name: "voice", ms: 100 }, { name: "rest", ms: 100 },
  ]);
});

test("without an end of turn the transcription stands for it", () => {
  expect(parts(delays({ transcription: 300 }))).toEqual([{ name: "turn", ms: 300 }]);
});

test("impossible measurements are left out, and a total below the parts gives no negative rest", () => {
  expect(parts(delays({ endOfTurn: -5, llmFirstToken: Number.NaN, ttsFirstByte: 90, total: 50 }))).toEqual([{ name: "voice", ms: 90 }]);
});

test("a sum of parts is no total", () => {
  expect(total(delays({ endOfTurn: 400, total: 650 }))).toBe(650);
  expect(total(delays({ endOfTurn: 400, llmFirstToken: 100 }))).toBeNull();
});

test("the longest bar gives the scale, and the median counts measured totals only", () => {
  const turns = [turn({ total: 900 }), turn({ endOfTurn: 40 }), turn({ endOfTurn: 300, total: 500 }), turn({ total: 700 })];
  expect(longest(turns)).toBe(900);
  expect(median(turns)).toEqual({ ms: 700, measured: 3 });
  expect(median(turns.slice(0, 3))).toEqual({ ms: 700, measured: 2 });
  expect(median([turn({})])).toBeNull();
});
