/** The service's REST interface. Every failure is an ApiError that says what a person can do. */

import { readTab, writeTab } from "../lib/storage";
import { BadAnswer } from "./check";
import {
  parseConversationDetail, parseConversations, parseMessages, parseRoom, parseSessionDetail, parseSystem,
  parseTurns, parseWaiting,
} from "./parse";
import type { ConversationDetail, ConversationRow, Message, Older, Page, Room, SessionDetail, System, Turn, Waiting } from "./types";

const KEY = "unbroken.api-key";
/** Told to the window: what was refused before may be read now. */
export const KEY_CHANGED = "unbroken-key-changed";
const TIMEOUT_MS = 10_000;

export type Trouble = "unreachable" | "livekit" | "unauthorized" | "missing" | "refused" | "busy" | "broken";

export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(readonly trouble: Trouble, message: string, readonly status: number | null = null) {
    super(message);
  }
}

const ANSWERS_MAX = 8;

/** What was answered last, by path and the newest last: asked for again, it is only sent if it has changed. */
const answers = new Map<string, { readonly tag: string; readonly json: unknown }>();

function remember(path: string, tag: string | null, json: unknown): void {
  answers.delete(path);
  if (tag !== null) answers.set(path, { tag, json });
  const [oldest] = answers.keys();
  if (answers.size > ANSWERS_MAX && oldest !== undefined) answers.delete(oldest);
}

/** Kept until the tab closes, never longer; null forgets it, and all that was read with it. */
export function saveApiKey(key: string | null): void {
  answers.clear();
  writeTab(KEY, key);
  window.dispatchEvent(new Event(KEY_CHANGED));
}

export const hasApiKey = (): boolean => readTab(KEY) !== null;

function headers(hasBody: boolean, tag: string | undefined): Headers {
  const result = new Headers({ Accept: "application/json" });
  if (tag !== undefined) result.set("If-None-Match", tag);
  const key = readTab(KEY);
  if (key !== null) result.set("Authorization", `Bearer ${key}`);
  if (hasBody) result.set("Content-Type", "application/json");
  return result;
}

/** What a problem+json says to a person: its detail, else its title. */
export function problemText(json: unknown): string | null {
  if (typeof json !== "object" || json === null) return null;
  const { detail, title } = json as { detail?: unknown; title?: unknown };
  if (typeof detail === "string" && detail !== "") return detail;
  return typeof title === "string" && title !== "" ? title : null;
}

const codeOf = (json: unknown): unknown => (typeof json === "object" && json !== null ? (json as { code?: unknown }).code : null);

function troubleOf(status: number, code: unknown): Trouble {
  if (status === 401) return "unauthorized";
  if (code === "room_server_unavailable") return "livekit";
  if (status === 404) return "missing";
  if (code === "limit_reached") return "busy";
  return status >= 500 ? "unreachable" : "refused";
}

async function refusal(response: Response): Promise<ApiError> {
  const json: unknown = await response.json().catch(() => null);
  const said = problemText(json);
  return new ApiError(troubleOf(response.status, codeOf(json)), said ?? `The service answered ${response.status}.`, response.status);
}

async function ask(path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const known = init.method === "GET" ? answers.get(path) : undefined;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      ...init,
      headers: headers(init.body !== undefined, known?.tag),
      cache: "no-store",
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error; // the page no longer wants the answer
    throw new ApiError("unreachable", "The service does not answer.");
  }
  if (response.status === 304 && known !== undefined) return known.json;
  if (!response.ok) throw await refusal(response);
  const json: unknown = await response.json().catch(() => {
    throw new ApiError("broken", "The service answered something that is not JSON.");
  });
  if (init.method === "GET") remember(path, response.headers.get("ETag"), json);
  return json;
}

async function read<T>(path: string, parse: (json: unknown) => T, init: RequestInit, signal?: AbortSignal): Promise<T> {
  try {
    return parse(await ask(path, init, signal));
  } catch (error) {
    if (error instanceof BadAnswer) throw new ApiError("broken", error.message);
    throw error;
  }
}

function get<T>(path: string, parse: (json: unknown) => T, signal?: AbortSignal): Promise<T> {
  return read(path, parse, { method: "GET" }, signal);
}

function query(values: Readonly<Record<string, string | number | null>>): string {
  const result = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== null) result.set(name, String(value));
  return result.toString();
}

const at = (id: string): string => `/conversations/${encodeURIComponent(id)}`;

function post<T>(path: string, body: unknown, parse: (json: unknown) => T): Promise<T> {
  return read(path, parse, { method: "POST", body: JSON.stringify(body) });
}

/**
 * The same name gives the same room and conversation again, with a fresh token. With an `identity`
 * the caller comes back as the participant that the assistant already listens to.
 */
export function openRoom(name: string, identity: string | null): Promise<Room> {
  return post("/rooms", identity === null ? { name } : { name, identity }, parseRoom);
}

/** Whether the room still waits for its agent, and why. */
export function getWaiting(name: string, signal?: AbortSignal): Promise<{ readonly waiting: Waiting | null }> {
  return get(`/rooms/${encodeURIComponent(name)}`, parseWaiting, signal);
}

/**
 * Newest first; with words those in which all of them were said, or whose callers have them. `others` is asked for as it
 * stands: the service refuses what it does not know.
 */
export function listConversations(words: string, others: string, after: string | null, signal?: AbortSignal): Promise<Page<ConversationRow>> {
  const own = query({ limit: 20, after, q: words === "" ? null : words });
  return get(`/conversations?${others === "" ? own : `${others}&${own}`}`, parseConversations, signal);
}

export function getConversation(id: string, signal?: AbortSignal): Promise<ConversationDetail> {
  return get(at(id), parseConversationDetail, signal);
}

/** Those out of the last `limit` items in front of `before`, oldest first; null: of the end. */
export function listTurns(id: string, limit: number, before: string | null, signal?: AbortSignal): Promise<Older<Turn>> {
  return get(`${at(id)}/turns?${query({ limit, before })}`, parseTurns, signal);
}

/** The last spoken messages, oldest first. */
export function lastMessages(id: string, limit: number, signal?: AbortSignal): Promise<readonly Message[]> {
  return get(`${at(id)}/messages?${query({ limit, items: "spoken" })}`, parseMessages, signal);
}

export function getSession(id: string, signal?: AbortSignal): Promise<SessionDetail> {
  return get(`/sessions/${encodeURIComponent(id)}`, parseSessionDetail, signal);
}

/** Ends the process of the agent that speaks for this session, if the service runs as a demonstration. */
export async function killAgent(sessionId: string): Promise<void> {
  await post(`/sessions/${encodeURIComponent(sessionId)}/kill`, {}, () => null);
}

export function getSystem(signal?: AbortSignal): Promise<System> {
  return get("/system", parseSystem, signal);
}
