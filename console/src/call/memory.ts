/** The call of this tab, kept over a reload; and names for new rooms. */

import { readTab, writeTab } from "../lib/storage";

const KEY = "unbroken.call";

export interface Remembered {
  readonly room: string;
  readonly conversationId: string;
  readonly startedAt: number;
  readonly identity: string;
}

export function parseRemembered(value: string | null): Remembered | null {
  if (value === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    return null;
  }
  if (typeof json !== "object" || json === null) return null;
  const { room, conversationId, startedAt, identity } = json as Record<string, unknown>;
  if (typeof room !== "string" || typeof conversationId !== "string") return null;
  if (typeof startedAt !== "number" || typeof identity !== "string") return null;
  return { room, conversationId, startedAt, identity };
}

export const recall = (): Remembered | null => parseRemembered(readTab(KEY));
export const remember = (call: Remembered): void => writeTab(KEY, JSON.stringify(call));
export const forget = (): void => writeTab(KEY, null);

// Without letters that are mistaken for digits when a name is read aloud.
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

/** "talk-7hk2-mq4d": 31^8 names, from 8 random bytes. */
export function roomName(bytes: Uint8Array): string {
  const letters = [...bytes.slice(0, 8)].map((byte) => LETTERS[byte % LETTERS.length] ?? "a").join("");
  return `talk-${letters.slice(0, 4)}-${letters.slice(4)}`;
}

export const freshRoomName = (): string => roomName(crypto.getRandomValues(new Uint8Array(8)));
