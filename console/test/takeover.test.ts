import { describe, expect, test } from "vitest";
import type { Call, ConversationDetail, Message, Session, Term } from "../src/api/types";
import { halves, asLogged } from "../src/call/cut";
import {
  hasGivenUp, isSaidAgain, livingSession, unexplained, withLoss, withOutcome, withoutLoss, withSuccessor, withTerms, wordsLost,
} from "../src/call/takeover";
import { hear, type Heard, type Line } from "../src/call/transcript";

const heard = (change: Partial<Heard>): Heard => ({
  segment: "s1", role: "assistant", from: "a", text: "Let me look whether the table near", final: false, cut: false, at: 1, ...change,
});
const half = hear([], heard({ cut: true }));
const lines = hear(half, heard({ segment: "s2", from: "b", text: "Let me look", final: true }));
const message = (change: Partial<Message>): Message => ({
  id: "item_1", role: "assistant", content: "Let me look", createdAt: 1, interrupted: true, heardMs: 900, speaker: null, sessionId: "s", takeover: null, ...change,
});
const term = (change: Partial<Term>): Term => ({
  term: 2, agentIdentity: "b", takenAt: 1, cause: "crashed", gapMs: 300, plan: "resume", report: { history: "exact" }, ...change,
});

describe("a cut line", () => {
  test("is split at what was heard", () => {
    const [cut] = asLogged(lines, [message({})]);
    expect(cut).toMatchObject({ item: "item_1", level: "service", heardMs: 900 });
    expect(halves(cut as Line)).toEqual({ heard: "Let me look", unheard: "whether the table near" });
  });

  test("shows more than it had when more was heard", () => {
    const [cut] = asLogged(half, [message({ content: "Let me look whether the table near the window" })]);
    expect(halves(cut as Line)).toEqual({ heard: "Let me look whether the table near the window", unheard: "" });
  });

  test("takes its item back from a line of the successor", () => {
    const mistaken = lines.with(1, { ...(lines[1] as Line), item: "item_1", level: "disk", by: "b" });
    expect(asLogged(mistaken, [message({ takeover: 2 })]).map((line) => line.item)).toEqual(["item_1", null]);
  });

  test("whose text had reached its end is cut all the same", () => {
    const whole = hear([], heard({ final: true }));
    expect(asLogged(whole, [message({ content: "Let me look whether the table near" })])[0]).toMatchObject({ cut: true, heardMs: 900 });
  });

  test("is marked also when its agent has named it before the log says that somebody spoke into it", () => {
    const named = hear([], heard({ final: true })).map((line): Line => ({ ...line, item: "item_1", level: "service", by: "a" }));
    expect(asLogged(named, [message({})])[0]).toMatchObject({ cut: true, killed: false, heard: "Let me look" });
  });

  test("stays as it is for other words, and without interruption", () => {
    expect(asLogged(lines, [message({ content: "Good evening" })])).toEqual(lines);
    expect(halves(lines[0] as Line)).toBeNull();
  });
});

test("a line whose agent could not say so any more is as safe as the log says, each once", () => {
  const twice = hear(hear([], heard({ text: "Sorry.", final: true })), heard({ segment: "s2", from: "b", text: "Sorry.", final: true }));
  const asked = hear(twice, heard({ segment: "s3", role: "user", from: "me", text: "What?", final: true }));
  const found = asLogged(asked.with(2, { ...(asked[2] as Line), item: "3", level: "disk" }), [
    message({ id: "1", content: "sorry.", interrupted: false }), message({ id: "2", content: "Sorry." }), message({ id: "3", role: "user", content: "What?", interrupted: false }),
  ]);
  expect(found.map((line) => [line.item, line.level, line.cut])).toEqual([["1", "service", false], ["2", "service", true], ["3", "service", false]]);
});

test("a line is cut by a kill or by a barge-in, as the log says", () => {
  expect(asLogged(lines, [message({ takeover: 2 })])[0]).toMatchObject({ cut: true, killed: true });
  expect(asLogged(lines, [message({})])[0]).toMatchObject({ cut: true, killed: false });
  expect(half[0]).toMatchObject({ cut: true, killed: null });
});

describe("what a kill has cost", () => {
  const asked = hear(half, heard({ segment: "u1", role: "user", from: "me", text: "And for four people?", final: true }));
  const explained = (after: string) => [{ key: "t", lost: "a", after, by: "b", term: term({}), outcome: null }];

  test("is the words of lines that are lost, and of those that nobody has named", () => {
    expect(wordsLost(asked, explained("u1"))).toBe(4);
    expect(wordsLost(asked.with(1, { ...(asked[1] as Line), level: "service" }), explained("u1"))).toBe(0);
    expect(wordsLost(asked.with(0, { ...(asked[0] as Line), lost: true }), explained("s1"))).toBe(7);
  });

  test("is not known before the next agent has said what it found", () => {
    expect(wordsLost(asked, withLoss([], "a", asked).map((one) => ({ ...one, by: "b" })))).toBeNull();
  });
});

test("a sentence is said again only by who begins with it", () => {
  const cut = asLogged(half, [message({ takeover: 2 })]);
  const next = (text: string): boolean => isSaidAgain({ key: "t", lost: "a", after: "s1", by: "b", term: term({}), outcome: null },
    hear(cut, heard({ segment: "s2", from: "b", text, final: true })));
  expect(next("Let me look whether the table near the window is free.")).toBe(true);
  expect(next("whether the table near the window is free.")).toBe(false);
});

describe("a takeover", () => {
  test("does not stand behind a line that was over before", () => {
    const spokenInto = asLogged(half, [message({})]);
    const quiet = hear(spokenInto, heard({ segment: "s2", text: "I am here.", final: true }));
    expect(withLoss([], "a", quiet)).toMatchObject([{ after: "s2" }]);
  });

  test("stands behind the line that was cut, once", () => {
    const one = withLoss([], "a", lines);
    expect(one).toMatchObject([{ lost: "a", after: "s1", by: null, term: null }]);
    expect(withLoss(one, "a", lines)).toBe(one);
  });

  test("stands behind the last line when none was cut", () => {
    expect(withLoss([], "x", lines)[0]?.after).toBe("s2");
    expect(withLoss([], "x", [])[0]?.after).toBeNull();
  });

  test("is explained by the term of the agent that came", () => {
    const lost = withLoss([], "a", lines);
    expect(unexplained(lost)).toBe(false);
    const followed = withSuccessor(withSuccessor(lost, "a"), "b");
    expect(followed[0]?.by).toBe("b");
    expect(unexplained(followed)).toBe(true);
    expect(unexplained(withTerms(followed, [term({ report: null })]))).toBe(true);
    expect(withTerms(followed, [term({ term: 1, agentIdentity: "a" }), term({})])[0]?.term?.term).toBe(2);
  });

  test("a second one leaves the first as it was", () => {
    const first = withTerms(withSuccessor(withLoss([], "a", lines), "b"), [term({})]);
    const both = withSuccessor(withLoss(withOutcome(first, { ms: 700, how: "heard" }), "b", lines), "c");
    expect(both.map((one) => [one.lost, one.by, one.term?.term, one.outcome?.ms])).toEqual([["a", "b", 2, 700], ["b", "c", undefined, undefined]]);
  });

  test("that did not happen is taken out", () => {
    expect(withoutLoss(withLoss([], "a", lines), "a")).toEqual([]);
  });
});

describe("the session of the call", () => {
  const session = (change: Partial<Session>): Session => ({
    id: "s", role: "concierge", agentName: "concierge", agentIdentity: "a", phase: "live", term: 1, lastSeq: 1, openedAt: 1,
    cause: null, endReason: null, degraded: null, ...change,
  });
  const call = (sessions: readonly Session[], change: Partial<Call> = {}): Call => (
    { id: "c", roomName: "room", startedAt: 5, endedAt: null, endReason: null, leftAt: null, keptUntil: null, sessions, ...change }
  );
  const talk = (...callList: readonly Call[]): ConversationDetail => ({
    id: "k", title: null, userId: null, createdAt: 1, lastAt: 1, calls: 1, messages: 0, live: true, lastMessage: null, callList,
  });

  test("is the one that the agent of the room speaks for", () => {
    const found = livingSession(talk(call([session({ id: "x", agentIdentity: "z", openedAt: 9 }), session({})])), "room", "a");
    expect(found?.id).toBe("s");
  });

  test("is the newest that lives when that agent has none, and none of another room or an older call", () => {
    const old = call([session({ id: "old" })], { startedAt: 1 });
    const other = call([session({ id: "other" })], { roomName: "elsewhere", startedAt: 9 });
    const now = call([session({ id: "one" }), session({ id: "two", openedAt: 2 }), session({ id: "gone", phase: "ended", openedAt: 3 })]);
    expect(livingSession(talk(old, other, now), "room", null)?.id).toBe("two");
    expect(livingSession(talk(), "room", "a")).toBeNull();
  });

  test("was given up when all have ended and one of them for that reason", () => {
    const over = session({ phase: "ended", endReason: "gave_up" });
    expect(hasGivenUp(talk(call([over])), "room")).toBe(true);
    expect(hasGivenUp(talk(call([over, session({})])), "room")).toBe(false);
    expect(hasGivenUp(talk(call([session({ phase: "ended", endReason: "people_left" })])), "room")).toBe(false);
    expect(hasGivenUp(talk(), "room")).toBe(false);
  });
});
