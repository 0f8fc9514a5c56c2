import { describe, expect, test } from "vitest";
import { causeWords, deedWords, planWords, reportFields, reportSummary } from "../src/lib/report";

describe("a restore report", () => {
  const fields = reportFields({
    history: "exact", userdata: "degraded: no field seats: now 2", agent_tasks: "missing: a frame cannot be continued", agent: "exact",
  });

  test("begins with what is missing", () => {
    expect(fields.map((field) => [field.name, field.grade])).toEqual([
      ["agent tasks", "missing"], ["userdata", "degraded"], ["agent", "exact"], ["history", "exact"],
    ]);
  });

  test("keeps the whole reason", () => {
    expect(fields.map((field) => field.why)).toEqual(["a frame cannot be continued", "no field seats: now 2", null, null]);
  });

  test("is summed up without grades that do not occur", () => {
    expect(reportSummary(fields)).toBe("2 exact · 1 degraded · 1 missing");
    expect(reportSummary(reportFields({ a: "exact" }))).toBe("1 exact");
    expect(reportSummary([])).toBe("");
  });

  test("never takes an unknown text for exact", () => {
    expect(reportFields({ a: "exactly half", b: "degraded" })).toEqual([
      { name: "a", grade: "degraded", why: "exactly half" }, { name: "b", grade: "degraded", why: null },
    ]);
  });
});

test("what a new agent did is told only when it could do it", () => {
  const term = { term: 2, agentIdentity: null, takenAt: 0, cause: "crashed", gapMs: 1, plan: "resume", report: null };
  expect([deedWords(term, false), deedWords(term, true)]).toEqual(["it went on with what was cut", "it said the cut sentence again"]);
  expect(deedWords({ ...term, plan: "answer" }, true)).toBe("it answered what was said last");
  expect(deedWords({ ...term, report: { plan: "degraded: nobody answers" } }, true)).toBe("it could not do as planned");
  expect(deedWords({ ...term, plan: null }, false)).toBeNull();
});

test("names that are not known are shown as they are", () => {
  expect([causeWords("frozen"), causeWords("solar_flare")]).toEqual(["froze", "solar flare"]);
  expect([planWords("Resume"), planWords("hum_a_tune")]).toEqual(["went on with what was cut", "hum a tune"]);
});
