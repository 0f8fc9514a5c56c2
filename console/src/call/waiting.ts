/** Why nobody has come to a room yet, as people read it. Pure. */

import type { Waiting } from "../api/types";
import { clock } from "../lib/format";

const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`);

export function waitingWords(waiting: Waiting, now: number, locale?: string): string {
  const wait = Math.ceil((waiting.nextTryAt - now) / 1000);
  const next = wait > 0 ? `; the service looks again in ${wait} s` : "";
  const end = waiting.givesUpAt === null ? "" : ` The service gives up at ${clock(waiting.givesUpAt, locale)}.`;
  return `Waiting for an agent, because ${waiting.because}. It was asked for ${times(waiting.tries)}${next}.${end}`;
}
