// @vitest-environment jsdom
import { expect, test } from "vitest";
import { microphoneTrouble } from "../src/call/microphone";
import { parseRemembered, roomName } from "../src/call/memory";
import { closedWords } from "../src/call/room";
import { ago, count, delay, length, pretty } from "../src/lib/format";
import { conversationPath, routeOf } from "../src/lib/router";

const NOW = Date.UTC(2026, 0, 31, 12);

test("times", () => {
  expect(ago(NOW - 5_000, NOW)).toBe("just now");
  expect(ago(NOW + 5_000, NOW)).toBe("just now"); // the service's clock may be ahead
  expect(ago(NOW - 125_000, NOW)).toBe("2 min ago");
  expect(ago(NOW - 3 * 3_600_000, NOW)).toBe("3 h ago");
  expect(ago(NOW - 400 * 86_400_000, NOW, "en")).toContain("2024");
  expect([length(0), length(75_900), length(3_661_000)]).toEqual(["0:00", "1:15", "1:01:01"]);
});

test("counts, delays, JSON", () => {
  expect([count(1, "call"), count(0, "call"), count(2, "entry", "entries")]).toEqual(["1 call", "0 calls", "2 entries"]);
  expect([delay(0.4), delay(620.4), delay(1234)]).toEqual(["0 ms", "620 ms", "1.23 s"]);
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("no json")).toBe("no json");
});

test("routes, and back", () => {
  expect(routeOf("/")).toEqual({ at: "talk" });
  expect(routeOf("/conversations/")).toEqual({ at: "conversations" });
  const id = "01999999-9999-7999-8999-999999999999";
  expect(routeOf(conversationPath(id))).toEqual({ at: "conversation", id });
  expect(routeOf("/conversations/not-an-id")).toEqual({ at: "nowhere" });
  expect(routeOf("/conversations/%")).toEqual({ at: "nowhere" });
  expect(routeOf("/x")).toEqual({ at: "nowhere" });
  expect(routeOf("/conversations/a/b")).toEqual({ at: "nowhere" });
});

test("room names are readable and stay within their letters", () => {
  expect(roomName(new Uint8Array([0, 1, 2, 3, 252, 253, 254, 255]))).toMatch(/^talk-[a-z2-9]{4}-[a-z2-9]{4}$/);
});

test("a remembered call is taken back only when it is whole", () => {
  const call = { room: "r", conversationId: "c", startedAt: 1, identity: "me" };
  expect(parseRemembered(JSON.stringify(call))).toEqual(call);
  for (const bad of [null, "", "null", "{", '{"room":"r"}']) expect(parseRemembered(bad)).toBeNull();
});

test("why there is no microphone", () => {
  const named = (name: string): Error => Object.assign(new Error(), { name });
  expect(microphoneTrouble(named("NotAllowedError"))).toBe("denied");
  expect(microphoneTrouble(named("NotFoundError"))).toBe("absent");
  expect(microphoneTrouble(named("NotReadableError"))).toBe("busy");
  expect(microphoneTrouble("?")).toBe("failed");
});

test("a room that was closed on purpose is not rejoined", () => {
  expect([2, 4, 5, 10].map((reason) => closedWords(reason).lost)).toEqual([false, false, false, false]);
  expect([undefined, 3, 9, 14].map((reason) => closedWords(reason).lost)).toEqual([true, true, true, true]);
});
