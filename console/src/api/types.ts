/** What the service answers, as the page uses it. Times are milliseconds since 1970. */

export interface Room {
  readonly name: string;
  readonly conversationId: string;
  readonly url: string;
  readonly token: string;
  readonly identity: string;
}

/** No agent has come to a room yet. */
export interface Waiting {
  /** The rest of a sentence that begins with "because". */
  readonly because: string;
  readonly tries: number;
  readonly nextTryAt: number;
  /** null while nobody is in the room. */
  readonly givesUpAt: number | null;
}

export interface Conversation {
  readonly id: string;
  readonly title: string | null;
  readonly userId: string | null;
  readonly createdAt: number;
  readonly lastAt: number;
  readonly calls: number;
  readonly messages: number;
  readonly live: boolean;
  readonly lastMessage: string | null;
}

/** A part of a line; `match`: it is what was asked for. */
export interface Piece {
  readonly text: string;
  readonly match: boolean;
}

/** The line that was asked for, and the part of it around the words. */
export interface Found {
  readonly messageId: string;
  readonly excerpt: readonly Piece[];
}

/** One of the list; `found`: the line for which it is there. */
export interface ConversationRow extends Conversation {
  readonly found: Found | null;
}

export interface Session {
  readonly id: string;
  readonly role: string;
  readonly agentName: string | null;
  readonly agentIdentity: string | null;
  readonly phase: string;
  readonly term: number;
  readonly lastSeq: number;
  readonly openedAt: number;
  readonly cause: string | null;
  readonly endReason: string | null;
  /** What is wrong on the agent's machine; null when all is well. */
  readonly degraded: string | null;
}

/** Field by field what came back: "exact", "degraded: why", "missing: why". */
export type Report = Readonly<Record<string, string>>;

/** One ownership of a session by one process of an agent. */
export interface Term {
  readonly term: number;
  readonly agentIdentity: string | null;
  readonly takenAt: number;
  /** Why the term before ended; null for the first one. */
  readonly cause: string | null;
  /** Milliseconds without an owner. */
  readonly gapMs: number | null;
  readonly plan: string | null;
  /** null until the agent has written it. */
  readonly report: Report | null;
}

export interface SessionDetail extends Session {
  readonly terms: readonly Term[];
}

export interface Call {
  readonly id: string;
  readonly roomName: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly endReason: string | null;
  /** When its last people had left. */
  readonly leftAt: number | null;
  /** Until then they may come back. */
  readonly keptUntil: number | null;
  readonly sessions: readonly Session[];
}

export interface ConversationDetail extends Conversation {
  readonly callList: readonly Call[];
}

export interface Message {
  readonly id: string;
  readonly role: string;
  readonly content: string;
  readonly createdAt: number;
  readonly interrupted: boolean;
  readonly heardMs: number | null;
  readonly speaker: string | null;
  readonly sessionId: string | null;
  /** The term that took over, if its agent was lost in it. */
  readonly takeover: number | null;
}

export interface Tool {
  readonly name: string;
  readonly arguments: string;
  readonly output: string | null;
  readonly isError: boolean;
}

/** Milliseconds; null where the agent did not measure it. */
export interface Delays {
  readonly endOfTurn: number | null;
  readonly transcription: number | null;
  readonly llmFirstToken: number | null;
  readonly ttsFirstByte: number | null;
  readonly total: number | null;
}

export interface Turn {
  readonly id: string;
  readonly user: Message | null;
  readonly assistant: readonly Message[];
  readonly tools: readonly Tool[];
  readonly delays: Delays;
}

export interface System {
  readonly version: string;
  readonly model: string | null;
  /** A demonstration: agents may be killed from this page. */
  readonly demo: boolean;
}

/** The end of something long; `before` leads to what is in front of it, null: there is nothing. */
export interface Older<T> {
  readonly items: readonly T[];
  readonly before: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}
