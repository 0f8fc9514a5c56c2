/** For how long nobody was heard when an agent had gone. Pure; times are milliseconds of one clock. */

/** Sound of a killed agent after this is no rest of its last word: it was not killed. */
export const KILL_REACHES_MS = 5000;

export interface Missing {
  readonly lost: string;
  /** The last sound of the lost one, or when it was killed or found gone in silence. */
  readonly since: number;
  /** null when this page did not kill it. */
  readonly killedAt: number | null;
  /** The first moment at which a new one was there and listened, without having been heard. */
  readonly backAt: number | null;
}

export interface Outcome {
  readonly ms: number;
  /** "listening": the new one has nothing to say; "survived": the lost one goes on speaking. */
  readonly how: "heard" | "listening" | "survived";
}

export interface Silence {
  readonly missing: Missing | null;
  readonly outcome: Outcome | null;
  /** The silence that was taken as over because the new one only listened; sound may still end it. */
  readonly open: Missing | null;
  /** The shortest one that ended with a voice. */
  readonly bestMs: number | null;
}

export const NO_SILENCE: Silence = { missing: null, outcome: null, open: null, bestMs: null };

export function killed(silence: Silence, lost: string, at: number): Silence {
  if (silence.missing !== null) return silence;
  return { ...silence, missing: { lost, since: at, killedAt: at, backAt: null }, outcome: null, open: null };
}

/** `since`: its last sound if it was speaking, else now. A successor that goes unheard prolongs the silence. */
export function gone(silence: Silence, lost: string, since: number): Silence {
  const { missing } = silence;
  if (missing !== null) return missing.backAt === null ? silence : { ...silence, missing: { ...missing, backAt: null } };
  return { ...silence, missing: { lost, since, killedAt: null, backAt: null }, outcome: null, open: null };
}

const isDead = (missing: Missing, who: string): boolean => missing.killedAt !== null && missing.lost === who;

function ended(silence: Silence, missing: Missing, at: number): Silence {
  const ms = Math.max(0, at - missing.since);
  const bestMs = silence.bestMs === null ? ms : Math.min(silence.bestMs, ms);
  return { missing: null, outcome: { ms, how: "heard" }, open: null, bestMs };
}

/** Call it for each moment at which the sound of `who` is above silence. */
export function sounded(silence: Silence, who: string, at: number): Silence {
  const missing = silence.missing ?? silence.open;
  if (missing === null) return silence;
  if (!isDead(missing, who)) return ended(silence, missing, at);
  if (silence.missing === null) return silence;
  if (at - (missing.killedAt ?? at) > KILL_REACHES_MS) {
    return { ...silence, missing: null, outcome: { ms: 0, how: "survived" } };
  }
  return at > missing.since ? { ...silence, missing: { ...missing, since: at } } : silence;
}

/** `who` is in the room and listens. */
export function listens(silence: Silence, who: string, at: number): Silence {
  const { missing } = silence;
  if (missing === null || missing.backAt !== null || isDead(missing, who)) return silence;
  return { ...silence, missing: { ...missing, backAt: at } };
}

/** It does more than listen: it is about to speak. */
export function stirs(silence: Silence, who: string): Silence {
  const { missing } = silence;
  if (missing === null || missing.backAt === null || isDead(missing, who)) return silence;
  return { ...silence, missing: { ...missing, backAt: null } };
}

/** The new one had its time to speak: it chose to listen. */
export function settled(silence: Silence): Silence {
  const { missing } = silence;
  if (missing === null || missing.backAt === null) return silence;
  const ms = Math.max(0, missing.backAt - missing.since);
  return { ...silence, missing: null, outcome: { ms, how: "listening" }, open: missing };
}

/** The new one understood a person: what is heard after that is an answer, and no end of the silence. */
export function spokenInto(silence: Silence): Silence {
  const over = settled(silence);
  return over.open === null ? over : { ...over, open: null };
}

/** The call is over, or nobody was killed after all. */
export function stopped(silence: Silence): Silence {
  return silence.missing === null && silence.open === null ? silence : { ...silence, missing: null, open: null };
}

/** Tenths, as on the page: 1234 ms is "1.2". */
export const seconds = (ms: number): string => (Math.max(0, ms) / 1000).toFixed(1);
