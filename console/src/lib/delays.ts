/** The delays of a turn as parts of one bar. */

import type { Delays, Turn } from "../api/types";

export type PartName = "turn" | "model" | "voice" | "rest";

export interface Part {
  readonly name: PartName;
  readonly ms: number;
}

/** Ignores what cannot be: a negative or a not finite measurement. */
const real = (ms: number | null): number | null => (ms !== null && Number.isFinite(ms) && ms >= 0 ? ms : null);

/**
 * The parts in the order in which they happen. Transcription happens inside the end of turn and is
 * no part of its own. What the total has beyond the parts is `rest`; without a total there is none.
 */
export function parts(delays: Delays): readonly Part[] {
  const found: Part[] = [];
  const add = (name: PartName, ms: number | null): void => {
    if (ms !== null && ms > 0) found.push({ name, ms });
  };
  add("turn", real(delays.endOfTurn) ?? real(delays.transcription));
  add("model", real(delays.llmFirstToken));
  add("voice", real(delays.ttsFirstByte));
  const known = found.reduce((sum, part) => sum + part.ms, 0);
  const whole = total(delays);
  if (whole !== null && whole - known >= 1) found.push({ name: "rest", ms: whole - known });
  return found;
}

/** The whole wait of the caller as it was measured; a sum of some parts is no total. */
export const total = (delays: Delays): number | null => real(delays.total);

/** The length that fills a bar: the longest one of the conversation. */
export function longest(turns: readonly Turn[]): number {
  return turns.reduce((most, turn) => {
    const sum = parts(turn.delays).reduce((ms, part) => ms + part.ms, 0);
    return Math.max(most, sum);
  }, 0);
}

/** The turns whose whole wait was measured, and the middle of them; null if there is none. */
export function median(turns: readonly Turn[]): { readonly ms: number; readonly measured: number } | null {
  const waits = turns.map((turn) => total(turn.delays)).filter((ms) => ms !== null).sort((a, b) => a - b);
  if (waits.length === 0) return null;
  const half = Math.floor(waits.length / 2);
  const upper = waits[half] ?? 0;
  const ms = waits.length % 2 === 1 ? upper : ((waits[half - 1] ?? 0) + upper) / 2;
  return { ms, measured: waits.length };
}
