import { describe, expect, test } from "vitest";
import {
  gone, killed, KILL_REACHES_MS, listens, NO_SILENCE, seconds, settled, type Silence, sounded, spokenInto, stirs, stopped,
} from "../src/call/silence";

const afterKill = killed(NO_SILENCE, "a", 1000);
const waited = (change: (silence: Silence) => Silence, from = afterKill): Silence["outcome"] => change(from).outcome;

describe("a kill", () => {
  test("counts from the press on when nobody was speaking", () => {
    expect(waited((s) => sounded(s, "b", 2200))).toEqual({ ms: 1200, how: "heard" });
  });

  test("counts from the last sound of the killed one", () => {
    const fading = sounded(sounded(afterKill, "a", 1100), "a", 1350);
    expect(waited((s) => sounded(s, "b", 2000), fading)).toEqual({ ms: 650, how: "heard" });
  });

  test("is not over when the killed one sounds or listens", () => {
    expect(sounded(afterKill, "a", 1010).missing).not.toBeNull();
    expect(settled(listens(afterKill, "a", 1010)).missing).not.toBeNull();
  });

  test("that reached nobody ends without a number", () => {
    const alive = sounded(afterKill, "a", 1001 + KILL_REACHES_MS);
    expect(alive).toMatchObject({ missing: null, outcome: { how: "survived" }, bestMs: null });
  });

  test("during a takeover changes nothing", () => {
    expect(killed(afterKill, "b", 1500)).toBe(afterKill);
  });

  test("starts anew after a takeover", () => {
    const again = killed(sounded(afterKill, "b", 2000), "b", 9000);
    expect(again).toMatchObject({ missing: { lost: "b", since: 9000 }, outcome: null, bestMs: 1000 });
    expect(sounded(again, "c", 9400)).toMatchObject({ outcome: { ms: 400 }, bestMs: 400 });
  });

  test("whose order failed leaves nothing but the best time", () => {
    expect(stopped(killed({ ...NO_SILENCE, bestMs: 5 }, "a", 1))).toEqual({ ...NO_SILENCE, bestMs: 5 });
  });
});

describe("an agent that is found gone", () => {
  test("counts from its last sound", () => {
    expect(waited((s) => sounded(s, "b", 1700), gone(NO_SILENCE, "a", 1200))).toEqual({ ms: 500, how: "heard" });
  });

  test("may come back itself, as nobody killed it", () => {
    expect(waited((s) => sounded(s, "a", 1700), gone(NO_SILENCE, "a", 1200))).toEqual({ ms: 500, how: "heard" });
  });

  test("after a kill does not restart the count", () => {
    expect(gone(afterKill, "a", 1400)).toBe(afterKill);
  });

  test("before it was heard prolongs the silence", () => {
    const second = gone(listens(afterKill, "b", 1500), "b", 1600);
    expect(settled(second).missing).not.toBeNull();
    expect(waited((s) => sounded(s, "c", 4000), second)).toEqual({ ms: 3000, how: "heard" });
  });
});

describe("a successor that only listens", () => {
  const quiet = settled(listens(listens(afterKill, "b", 1900), "b", 2500));

  test("ends the count when it began to listen, and is no best time", () => {
    expect(quiet).toMatchObject({ missing: null, outcome: { ms: 900, how: "listening" }, bestMs: null });
  });

  test("and speaks late after all was silent until then", () => {
    expect(waited((s) => sounded(s, "b", 6000), quiet)).toEqual({ ms: 5000, how: "heard" });
  });

  test("answers a person: that is no end of the silence", () => {
    expect(waited((s) => sounded(spokenInto(s), "b", 6000), quiet)).toEqual({ ms: 900, how: "listening" });
  });

  test("is back when it understands a person", () => {
    const asked = spokenInto(listens(afterKill, "b", 1900));
    expect(asked).toMatchObject({ missing: null, open: null, outcome: { ms: 900, how: "listening" } });
    expect(spokenInto(afterKill)).toBe(afterKill);
  });

  test("has not settled while it thinks", () => {
    const thinks = settled(stirs(listens(afterKill, "b", 1900), "b"));
    expect(thinks.missing).not.toBeNull();
    expect(waited((s) => sounded(s, "b", 7000), thinks)).toEqual({ ms: 6000, how: "heard" });
  });
});

test("without a loss there is no silence", () => {
  for (const change of [(s: Silence) => sounded(s, "a", 1), (s: Silence) => listens(s, "a", 1), settled, spokenInto, stopped]) {
    expect(change(NO_SILENCE)).toBe(NO_SILENCE);
  }
});

test("seconds have tenths", () => {
  expect([0, 49, 1234, 65_500, -3].map(seconds)).toEqual(["0.0", "0.0", "1.2", "65.5", "0.0"]);
});
