/** From the service's JSON to the page's types. Unknown fields are ignored, missing ones are BadAnswer. */

import { fields, flag, list, maybe, number, printed, text, time } from "./check";
import type {
  Call, Conversation, ConversationDetail, ConversationRow, Delays, Found, Message, Older, Page, Piece, Report, Room, Session, SessionDetail, System, Term, Tool, Turn, Waiting,
} from "./types";

export function parseRoom(json: unknown): Room {
  const f = fields(json, "room");
  return {
    name: text(f["name"], "room.name"),
    conversationId: text(f["conversation_id"], "room.conversation_id"),
    url: text(f["url"], "room.url"),
    token: text(f["token"], "room.token"),
    identity: text(f["identity"], "room.identity"),
  };
}

function parseWait(json: unknown, where: string): Waiting {
  const f = fields(json, where);
  return {
    because: text(f["because"], `${where}.because`),
    tries: number(f["tries"], `${where}.tries`),
    nextTryAt: time(f["next_try_at"], `${where}.next_try_at`),
    givesUpAt: maybe(f["gives_up_at"], `${where}.gives_up_at`, time),
  };
}

/** Of a room: whether it still waits for its agent. */
export function parseWaiting(json: unknown): { readonly waiting: Waiting | null } {
  return { waiting: maybe(fields(json, "room")["waiting"], "room.waiting", parseWait) };
}

function parseConversation(json: unknown, where: string): Conversation {
  const f = fields(json, where);
  return {
    id: text(f["id"], `${where}.id`),
    title: maybe(f["title"], `${where}.title`, text),
    userId: maybe(f["user_id"], `${where}.user_id`, text),
    createdAt: time(f["created_at"], `${where}.created_at`),
    lastAt: time(f["last_at"], `${where}.last_at`),
    calls: number(f["calls"], `${where}.calls`),
    messages: number(f["messages"], `${where}.messages`),
    live: flag(f["live"], `${where}.live`),
    lastMessage: maybe(f["last_message"], `${where}.last_message`, text),
  };
}

function parsePiece(json: unknown, where: string): Piece {
  const f = fields(json, where);
  return { text: text(f["text"], `${where}.text`), match: flag(f["match"], `${where}.match`) };
}

function parseFound(json: unknown, where: string): Found {
  const f = fields(json, where);
  return { messageId: text(f["message_id"], `${where}.message_id`), excerpt: list(f["excerpt"], `${where}.excerpt`, parsePiece) };
}

function parseRow(json: unknown, where: string): ConversationRow {
  const found = maybe(fields(json, where)["found"], `${where}.found`, parseFound);
  return { ...parseConversation(json, where), found };
}

export function parseConversations(json: unknown): Page<ConversationRow> {
  const f = fields(json, "answer");
  return {
    items: list(f["conversations"], "conversations", parseRow),
    next: maybe(f["next"], "next", text),
  };
}

function parseSession(json: unknown, where: string): Session {
  const f = fields(json, where);
  return {
    id: text(f["id"], `${where}.id`),
    role: text(f["role"], `${where}.role`),
    agentName: maybe(f["agent_name"], `${where}.agent_name`, text),
    agentIdentity: maybe(f["agent_identity"], `${where}.agent_identity`, text),
    phase: text(f["phase"], `${where}.phase`),
    term: number(f["term"], `${where}.term`),
    lastSeq: number(f["last_seq"], `${where}.last_seq`),
    openedAt: time(f["opened_at"], `${where}.opened_at`),
    cause: maybe(f["cause"], `${where}.cause`, text),
    endReason: maybe(f["end_reason"], `${where}.end_reason`, text),
    degraded: maybe(f["degraded"], `${where}.degraded`, text),
  };
}

function parseReport(json: unknown, where: string): Report {
  const f = fields(json, where);
  return Object.fromEntries(Object.entries(f).map(([name, value]) => [name, text(value, `${where}.${name}`)]));
}

function parseTerm(json: unknown, where: string): Term {
  const f = fields(json, where);
  return {
    term: number(f["term"], `${where}.term`),
    agentIdentity: maybe(f["agent_identity"], `${where}.agent_identity`, text),
    takenAt: time(f["taken_at"], `${where}.taken_at`),
    cause: maybe(f["cause"], `${where}.cause`, text),
    gapMs: maybe(f["gap_ms"], `${where}.gap_ms`, number),
    plan: maybe(f["plan"], `${where}.plan`, text),
    report: maybe(f["report"], `${where}.report`, parseReport),
  };
}

export function parseSessionDetail(json: unknown): SessionDetail {
  return {
    ...parseSession(json, "session"),
    terms: list(fields(json, "session")["terms"], "session.terms", parseTerm),
  };
}

function parseCall(json: unknown, where: string): Call {
  const f = fields(json, where);
  return {
    id: text(f["id"], `${where}.id`),
    roomName: text(f["room_name"], `${where}.room_name`),
    startedAt: time(f["started_at"], `${where}.started_at`),
    endedAt: maybe(f["ended_at"], `${where}.ended_at`, time),
    endReason: maybe(f["end_reason"], `${where}.end_reason`, text),
    leftAt: maybe(f["left_at"], `${where}.left_at`, time),
    keptUntil: maybe(f["kept_until"], `${where}.kept_until`, time),
    sessions: list(f["sessions"], `${where}.sessions`, parseSession),
  };
}

export function parseConversationDetail(json: unknown): ConversationDetail {
  const f = fields(json, "conversation");
  return {
    ...parseConversation(json, "conversation"),
    callList: list(f["call_list"], "conversation.call_list", parseCall),
  };
}

function parseMessage(json: unknown, where: string): Message {
  const f = fields(json, where);
  return {
    id: text(f["id"], `${where}.id`),
    role: text(f["role"], `${where}.role`),
    content: text(f["content"], `${where}.content`),
    createdAt: time(f["created_at"], `${where}.created_at`),
    interrupted: maybe(f["interrupted"], `${where}.interrupted`, flag) ?? false,
    heardMs: maybe(f["heard_ms"], `${where}.heard_ms`, number),
    speaker: maybe(f["speaker"], `${where}.speaker`, text),
    sessionId: maybe(f["session_id"], `${where}.session_id`, text),
    takeover: maybe(f["takeover"], `${where}.takeover`, number),
  };
}

export function parseMessages(json: unknown): readonly Message[] {
  return list(fields(json, "answer")["messages"], "messages", parseMessage);
}

function parseTool(json: unknown, where: string): Tool {
  const f = fields(json, where);
  return {
    name: text(f["name"], `${where}.name`),
    arguments: maybe(f["arguments"], `${where}.arguments`, printed) ?? "",
    output: maybe(f["output"], `${where}.output`, printed),
    isError: maybe(f["is_error"], `${where}.is_error`, flag) ?? false,
  };
}

function parseDelays(json: unknown, where: string): Delays {
  const f = fields(json, where);
  const ms = (key: string): number | null => maybe(f[key], `${where}.${key}`, number);
  return {
    endOfTurn: ms("end_of_turn"),
    transcription: ms("transcription"),
    llmFirstToken: ms("llm_first_token"),
    ttsFirstByte: ms("tts_first_byte"),
    total: ms("total"),
  };
}

function parseTurn(json: unknown, where: string): Turn {
  const f = fields(json, where);
  return {
    id: text(f["id"], `${where}.id`),
    user: maybe(f["user"], `${where}.user`, parseMessage),
    assistant: list(f["assistant"], `${where}.assistant`, parseMessage),
    tools: list(f["tools"], `${where}.tools`, parseTool),
    delays: parseDelays(f["delays_ms"] ?? {}, `${where}.delays_ms`),
  };
}

export function parseTurns(json: unknown): Older<Turn> {
  const f = fields(json, "answer");
  return { items: list(f["turns"], "turns", parseTurn), before: maybe(f["before"], "before", text) };
}

export function parseSystem(json: unknown): System {
  const f = fields(json, "system");
  return {
    version: text(f["version"], "system.version"),
    model: maybe(f["model"], "system.model", text),
    demo: maybe(f["demo"], "system.demo", flag) ?? false,
  };
}
