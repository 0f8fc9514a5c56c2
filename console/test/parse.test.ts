import { describe, expect, test } from "vitest";
import { BadAnswer } from "../src/api/check";
import { problemText } from "../src/api/api";
import {
  parseConversationDetail, parseConversations, parseMessages, parseRoom, parseSessionDetail, parseSystem, parseTurns, parseWaiting,
} from "../src/api/parse";

const AT = "2026-01-31T12:00:00.123456Z";
const conversation = {
  id: "c1", title: null, user_id: null, created_at: AT, last_at: AT, calls: 1, messages: 2, live: true, last_message: "bye",
};
const session = { id: "s", role: "r", agent_name: "concierge", agent_identity: null, phase: "live", term: 2, last_seq: 9, opened_at: AT, cause: "crash", end_reason: null };
const message = { id: "m1", role: "user", content: "hi", created_at: AT, interrupted: false, heard_ms: null, speaker: null, session_id: "s", metrics: null };

describe("good answers", () => {
  test("a room", () => {
    const json = { name: "r", sid: "RM_1", conversation_id: "c", room_id: "x", url: "ws://h", token: "t", identity: "me" };
    expect(parseRoom(json)).toEqual({ name: "r", conversationId: "c", url: "ws://h", token: "t", identity: "me" });
  });

  test("a page of conversations", () => {
    const page = parseConversations({ conversations: [conversation], next: "c2" });
    expect(page.next).toBe("c2");
    expect(page.items[0]).toMatchObject({ id: "c1", live: true, createdAt: Date.parse("2026-01-31T12:00:00.123Z") });
    expect(parseConversations({ conversations: [] }).next).toBeNull();
  });

  test("a conversation with its calls", () => {
    const call = { id: "k", room_name: "room", started_at: AT, ended_at: null, end_reason: null, sessions: [session] };
    const detail = parseConversationDetail({ ...conversation, call_list: [call] });
    expect(detail.callList[0]?.sessions[0]).toMatchObject({ term: 2, cause: "crash", lastSeq: 9 });
  });

  test("a session with its terms", () => {
    const first = { term: 1, agent_identity: "a", first_seq: 1, end_seq: 9, taken_at: AT, cause: null, gap_ms: null, plan: null, report: null };
    const second = { ...first, term: 2, agent_identity: "b", cause: "crashed", gap_ms: 210, plan: "resume", report: { history: "exact" } };
    const { terms } = parseSessionDetail({ ...session, terms: [first, second], mark: null });
    expect(terms[0]).toMatchObject({ term: 1, agentIdentity: "a", cause: null, report: null });
    expect(terms[1]).toMatchObject({ cause: "crashed", gapMs: 210, plan: "resume", report: { history: "exact" } });
  });

  test("a session whose keeping is degraded", () => {
    expect(parseSessionDetail({ ...session, terms: [] }).degraded).toBeNull();
    expect(parseSessionDetail({ ...session, terms: [], degraded: "the disk is full" }).degraded).toBe("the disk is full");
  });

  test("a room that waits, and one that does not", () => {
    const waiting = { agent_name: "concierge", because: "all are busy", tries: 2, since: AT, next_try_at: AT, gives_up_at: null, seen_agent_names: [] };
    expect(parseWaiting({ name: "r", waiting }).waiting).toEqual({
      because: "all are busy", tries: 2, nextTryAt: Date.parse("2026-01-31T12:00:00.123Z"), givesUpAt: null,
    });
    expect(parseWaiting({ name: "r", waiting: null }).waiting).toBeNull();
  });

  test("turns, with and without delays, and tool values that are not texts", () => {
    const tools = [{ name: "book", arguments: { seat: 1 }, output: null, is_error: false }];
    const { items: [full, bare] } = parseTurns({ turns: [
      { id: "1", user: message, assistant: [message], tools, delays_ms: { end_of_turn: 400, transcription: 310.5, total: 900 } },
      { id: "2", user: null, assistant: [], tools: [], delays_ms: {} },
    ] });
    expect(full?.tools[0]).toEqual({ name: "book", arguments: '{"seat":1}', output: null, isError: false });
    expect(full?.delays).toEqual({ endOfTurn: 400, transcription: 310.5, llmFirstToken: null, ttsFirstByte: null, total: 900 });
    expect(bare?.delays.total).toBeNull();
  });

  test("messages and the system", () => {
    expect(parseMessages({ messages: [message], before: null })[0]?.content).toBe("hi");
    expect(parseSystem({ version: "0.1.0", model: null, store: {} })).toEqual({ version: "0.1.0", model: null, demo: false });
  });
});

describe("bad answers", () => {
  test.each([
    [() => parseRoom(null), "room is not an object"],
    [() => parseRoom({ name: 5 }), "room.name is not a text"],
    [() => parseConversations({ conversations: {} }), "conversations is not a list"],
    [() => parseConversations({ conversations: [{ ...conversation, calls: "1" }] }), "conversations[0].calls is not a number"],
    [() => parseConversations({ conversations: [{ ...conversation, live: 1 }] }), "conversations[0].live is not true or false"],
    [() => parseSessionDetail({ ...session, terms: [{ term: 1, taken_at: AT, report: { history: 1 } }] }), "session.terms[0].report.history is not a text"],
    [() => parseMessages({ messages: [{ ...message, created_at: "soon" }] }), "messages[0].created_at is not a time"],
  ])("name the place: %#", (parse, place) => {
    expect(parse).toThrow(BadAnswer);
    expect(parse).toThrow(place);
  });

  test("a problem says its detail, else its title", () => {
    expect(problemText({ title: "Bad name", detail: "Too long" })).toBe("Too long");
    expect(problemText({ title: "Bad name" })).toBe("Bad name");
    expect(problemText("<html>")).toBeNull();
  });
});
