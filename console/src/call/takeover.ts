/** The takeovers of this call as the page saw them, and which session they belong to. Pure. */

import type { ConversationDetail, Session, Term } from "../api/types";
import { beginsAgain } from "../lib/report";
import { NO_SILENCE, type Outcome, type Silence } from "./silence";
import { isFinal, type Line, lineText } from "./transcript";

export interface Takeover {
  readonly key: string;
  readonly lost: string;
  /** The line behind which it happened: the one that was cut, if one was. */
  readonly after: string | null;
  /** The agent that came next; null while none has. */
  readonly by: string | null;
  /** What the service says about it; null until it does. */
  readonly term: Term | null;
  readonly outcome: Outcome | null;
}

export interface Failover {
  readonly silence: Silence;
  /** The living session of this call. */
  readonly sessionId: string | null;
  readonly takeovers: readonly Takeover[];
  /** An order to kill is on its way to the service. */
  readonly ordering: boolean;
  /** Why the last one failed. */
  readonly error: unknown;
  readonly gaveUp: boolean;
}

export const NO_FAILOVER: Failover = {
  silence: NO_SILENCE, sessionId: null, takeovers: [], ordering: false, error: null, gaveUp: false,
};

/** For the next call: only the best time of this visit stays. */
export const freshFailover = (old: Failover): Failover => (
  { ...NO_FAILOVER, silence: { ...NO_SILENCE, bestMs: old.silence.bestMs } }
);

/** One that the log has was over before its agent was lost. */
function lastLine(lines: readonly Line[], lost: string): string | null {
  const said = lines.findLast((line) => line.from === lost && line.item === null && (line.cut || !isFinal(line)));
  return (said ?? lines.at(-1))?.key ?? null;
}

/** Once for each agent that is lost. */
export function withLoss(takeovers: readonly Takeover[], lost: string, lines: readonly Line[]): readonly Takeover[] {
  if (takeovers.some((one) => one.lost === lost)) return takeovers;
  return [...takeovers, { key: `takeover-${lost}`, lost, after: lastLine(lines, lost), by: null, term: null, outcome: null }];
}

/** The kill did not happen. */
export const withoutLoss = (takeovers: readonly Takeover[], lost: string): readonly Takeover[] =>
  takeovers.filter((one) => one.lost !== lost || one.by !== null);

/** `agent` is there: it follows all that are lost and not yet followed. */
export function withSuccessor(takeovers: readonly Takeover[], agent: string): readonly Takeover[] {
  if (takeovers.every((one) => one.by !== null || one.lost === agent)) return takeovers;
  return takeovers.map((one) => (one.by === null && one.lost !== agent ? { ...one, by: agent } : one));
}

export function withOutcome(takeovers: readonly Takeover[], outcome: Outcome): readonly Takeover[] {
  const last = takeovers.at(-1);
  return last === undefined ? takeovers : takeovers.with(-1, { ...last, outcome });
}

export function withTerms(takeovers: readonly Takeover[], terms: readonly Term[]): readonly Takeover[] {
  return takeovers.map((one) => {
    const term = one.by === null ? undefined : terms.findLast((term) => term.agentIdentity === one.by);
    return term === undefined || term.term < 2 ? one : { ...one, term };
  });
}

/** Takeovers of which the service has not said all. */
export const unexplained = (takeovers: readonly Takeover[]): boolean =>
  takeovers.some((one) => one.by !== null && one.term?.report == null);

/** Whether the next agent began with the sentence that was cut. */
export function isSaidAgain({ after, by }: Takeover, lines: readonly Line[]): boolean {
  const cut = lines.find((line) => line.key === after);
  const next = by === null ? undefined : lines.find((line) => line.from === by && line.role === "assistant");
  return cut?.killed === true && cut.heard !== null && next !== undefined && beginsAgain(cut.heard, lineText(next));
}

const words = (line: Line): number => lineText(line).split(/\s+/).filter((word) => word !== "").length;

/**
 * How many words of the lines the log has not, and never will; null while the last takeover is not yet
 * explained. A person's line that the agent before has not named by then is one of them.
 */
export function wordsLost(lines: readonly Line[], takeovers: readonly Takeover[]): number | null {
  if (unexplained(takeovers)) return null;
  const place = Math.max(...takeovers.map((one) => lines.findIndex((line) => line.key === one.after)), -1);
  const isLost = (line: Line, n: number): boolean => line.lost || (line.role === "user" && n <= place && line.level === null);
  return lines.filter(isLost).reduce((sum, line) => sum + words(line), 0);
}

/** The sessions of the room's last call. */
function sessionsOf(conversation: ConversationDetail, roomName: string): readonly Session[] {
  const calls = conversation.callList.filter((call) => call.roomName === roomName);
  return calls.toSorted((a, b) => b.startedAt - a.startedAt)[0]?.sessions ?? [];
}

/** The one that this agent speaks for, else the newest that has not ended. */
export function livingSession(conversation: ConversationDetail, roomName: string, agent: string | null): Session | null {
  const living = sessionsOf(conversation, roomName).filter((session) => session.phase !== "ended");
  const its = living.find((session) => session.agentIdentity === agent);
  return its ?? living.toSorted((a, b) => b.openedAt - a.openedAt)[0] ?? null;
}

/** The service has ended the session because its agents died one after the other. */
export function hasGivenUp(conversation: ConversationDetail, roomName: string): boolean {
  const sessions = sessionsOf(conversation, roomName);
  return sessions.some((session) => session.endReason === "gave_up")
    && sessions.every((session) => session.phase === "ended");
}
