/** One call at a time, above all pages: it goes on while a person reads other conversations. */

import type { Room } from "livekit-client";
import { lastMessages, openRoom } from "../api/api";
import type { Room as RoomAnswer } from "../api/types";
import { asLogged } from "./cut";
import { FailoverWatch } from "./failover";
import { forget, freshRoomName, recall, remember } from "./memory";
import { setMicrophone } from "./microphone";
import { connectRoom } from "./room";
import { bind, isUnseen, type Safety } from "./safety";
import { type Agent, AGENT_PATIENCE_MS, type CallSnapshot, IDLE, inCall } from "./snapshot";
import { currentAgent } from "./streams";
import { freshFailover } from "./takeover";
import { hear, type Heard, withHistory } from "./transcript";

const EARLIER_LINES = 30;

export class CallController {
  #snapshot: CallSnapshot = IDLE;
  readonly #listeners = new Set<() => void>();
  #patience: ReturnType<typeof setTimeout> | null = null;
  /** Grows with each start and end: what an older attempt still does is ignored. */
  #attempt = 0;
  #watch: FailoverWatch | null = null;

  readonly get = (): CallSnapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #set(change: Partial<CallSnapshot>): void {
    this.#snapshot = { ...this.#snapshot, ...change };
    for (const listener of this.#listeners) listener();
  }

  /** A new room, or the one of this tab again; ends in "live", "failed", or is overtaken. */
  async start(again: boolean): Promise<void> {
    if (inCall(this.#snapshot.phase)) return;
    const attempt = ++this.#attempt;
    const known = again ? recall() : null;
    if (!again) forget();
    const name = known?.room ?? freshRoomName();
    const { lines, failover } = this.#snapshot;
    this.#set({
      ...IDLE, phase: "starting", roomName: name, lines: again ? lines : [],
      failover: again ? failover : freshFailover(failover),
    });
    this.#watchOver();
    try {
      const answer = await openRoom(name, known?.identity ?? null);
      if (attempt !== this.#attempt) return;
      const startedAt = known?.startedAt ?? Date.now();
      this.#set({ phase: "joining", conversationId: answer.conversationId, startedAt });
      await this.#join(answer, attempt);
      if (attempt !== this.#attempt) return;
      remember({ room: name, conversationId: answer.conversationId, startedAt, identity: answer.identity });
      if (again) await this.#showEarlier(answer.conversationId, attempt);
    } catch (error) {
      if (attempt === this.#attempt) this.#finish("failed", { error });
    }
  }

  async #join(answer: RoomAnswer, attempt: number): Promise<void> {
    const mine = <A extends unknown[]>(act: (...args: A) => void) => (...args: A): void => {
      if (attempt === this.#attempt) act(...args);
    };
    const room = await connectRoom(answer.url, answer.token, {
      opened: mine((opened) => this.#set({ room: opened })),
      reconnecting: mine(() => this.#set({ phase: "reconnecting" })),
      reconnected: mine(() => {
        this.#set({ phase: "live" });
        if (this.#snapshot.room !== null) this.#people(this.#snapshot.room);
      }),
      closed: mine(({ lost, reason }) => this.#finish(lost ? "lost" : "ended", { endReason: reason })),
      heard: mine((heard) => this.#heard(heard)),
      safety: mine((safety) => this.#safety(safety, answer.conversationId, attempt)),
      degraded: mine((degraded) => this.#set({ degraded })),
      people: mine((full) => this.#people(full)),
      sound: mine((allowed) => this.#set({ soundBlocked: !allowed })),
    });
    if (attempt !== this.#attempt) {
      await room.disconnect();
      return;
    }
    this.#set({ phase: "live", room, soundBlocked: !room.canPlaybackAudio });
    this.#people(room);
    void this.#microphone(room, true);
  }

  async #microphone(room: Room, on: boolean): Promise<void> {
    const state = await setMicrophone(room, on);
    if (this.#snapshot.room === room) this.#set(state);
  }

  #people(room: Room): void {
    const before = this.#snapshot.agent;
    this.#agent(before, room);
    this.#watch?.agent(before, this.#snapshot.agent, (identity) => room.remoteParticipants.has(identity));
  }

  #agent(before: Agent, room: Room): void {
    const agent = currentAgent(room);
    if (agent !== null) {
      this.#beImpatient(false);
      this.#set({ agent: { ...agent, seen: true, late: false } });
    } else if (before.identity !== null || this.#patience === null) {
      this.#set({ agent: { ...before, identity: null, state: null, track: null } });
      if (!before.late) this.#beImpatient(true);
    }
  }

  #heard(heard: Heard): void {
    this.#set({ lines: hear(this.#snapshot.lines, heard) });
    if (heard.role === "user") this.#watch?.spoken();
  }

  /** One watch for each call: what an older one still learns is ignored. */
  #watchOver(): void {
    this.#watch?.close(false);
    const mine = (change: (snapshot: CallSnapshot) => Partial<CallSnapshot>): void => {
      if (this.#watch === watch) this.#set(change(this.#snapshot));
    };
    const watch = new FailoverWatch({
      call: this.get,
      change: (change) => mine(({ failover }) => ({ failover: { ...failover, ...change } })),
      lines: (lines) => mine(() => ({ lines })),
    });
    this.#watch = watch;
  }

  #beImpatient(on: boolean): void {
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = null;
    if (!on) return;
    this.#patience = setTimeout(() => {
      this.#patience = null;
      this.#set({ agent: { ...this.#snapshot.agent, late: true } });
    }, AGENT_PATIENCE_MS);
  }

  #safety(safety: Safety, conversationId: string, attempt: number): void {
    const { lines } = this.#snapshot;
    if (!isUnseen(lines, safety)) this.#set({ lines: bind(lines, safety) });
    else if (safety.level === "service") void this.#showEarlier(conversationId, attempt);
  }

  async #showEarlier(conversationId: string, attempt: number): Promise<void> {
    // Without them the call goes on all the same; the conversation's page has them.
    const messages = await lastMessages(conversationId, EARLIER_LINES).catch(() => []);
    if (attempt === this.#attempt) this.#set({ lines: withHistory(asLogged(this.#snapshot.lines, messages), messages) });
  }

  #finish(phase: "ended" | "lost" | "failed", change: Partial<CallSnapshot>): void {
    this.#attempt++;
    this.#beImpatient(false);
    const { room } = this.#snapshot;
    if (phase === "ended") forget();
    this.#set({ ...change, phase, endedAt: Date.now(), room: null, localTrack: null, soundBlocked: false });
    this.#watch?.close(phase === "ended" && change.endReason != null);
    void room?.disconnect();
  }

  readonly kill = (): void => void this.#watch?.kill();

  readonly hangUp = (): void => {
    if (inCall(this.#snapshot.phase)) this.#finish("ended", { endReason: null });
  };

  /** Also the second try after the browser refused the microphone. */
  readonly toggleMicrophone = (): void => {
    const { room, microphone } = this.#snapshot;
    if (room !== null) void this.#microphone(room, microphone !== "on");
  };

  readonly allowSound = (): void => {
    this.#watch?.resume();
    void this.#snapshot.room?.startAudio();
  };

  /** After the service gave up: out of this call, and into a new one. */
  readonly startAgain = (): void => {
    this.hangUp();
    void this.start(false);
  };

  /** Back to the start, the call's lines are gone from the page. */
  readonly reset = (): void => {
    if (!inCall(this.#snapshot.phase)) this.#set({ ...IDLE, failover: freshFailover(this.#snapshot.failover) });
  };
}
