import { describe, expect, test } from "vitest";
import type { Waiting } from "../src/api/types";
import { waitingWords } from "../src/call/waiting";
import { clock } from "../src/lib/format";

const NOW = Date.parse("2026-01-31T12:00:00Z");
const waiting = (change: Partial<Waiting>): Waiting => ({
  because: 'no worker seems to be registered under the name "concierge": the last 24 hours have seen no agents',
  tries: 2, nextTryAt: NOW + 3400, givesUpAt: null, ...change,
});

describe("who waits for an agent reads", () => {
  test("why nobody has come, and what is done about it", () => {
    expect(waitingWords(waiting({}), NOW)).toBe(
      'Waiting for an agent, because no worker seems to be registered under the name "concierge": '
      + "the last 24 hours have seen no agents. It was asked for twice; the service looks again in 4 s.",
    );
  });

  test("until when", () => {
    const words = waitingWords(waiting({ givesUpAt: NOW + 60_000 }), NOW, "en-GB");
    expect(words).toContain(`The service gives up at ${clock(NOW + 60_000, "en-GB")}.`);
  });

  test.each([[1, "once"], [2, "twice"], [5, "5 times"]])("how often: %i", (tries, words) => {
    expect(waitingWords(waiting({ tries, nextTryAt: NOW - 1 }), NOW)).toMatch(new RegExp(`It was asked for ${words}\\.$`));
  });
});
