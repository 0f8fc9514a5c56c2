/** What the page knows about the call right now: one frozen value, replaced as a whole. */

import type { LocalAudioTrack, RemoteAudioTrack, Room } from "livekit-client";
import { type Failover, NO_FAILOVER } from "./takeover";
import type { Degraded } from "./safety";
import type { Line } from "./transcript";

export type Phase = "idle" | "starting" | "joining" | "live" | "reconnecting" | "ended" | "lost" | "failed";
export type Microphone = "starting" | "on" | "muted" | "denied" | "absent" | "busy" | "insecure" | "failed";

export interface Agent {
  /** null while none is in the room. */
  readonly identity: string | null;
  /** LiveKit's attribute lk.agent.state; null until the agent sets it. */
  readonly state: string | null;
  readonly track: RemoteAudioTrack | null;
  /** One was here in this call. */
  readonly seen: boolean;
  /** None has come for AGENT_PATIENCE_MS. */
  readonly late: boolean;
}

export interface CallSnapshot {
  readonly phase: Phase;
  readonly roomName: string | null;
  readonly conversationId: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly agent: Agent;
  readonly microphone: Microphone;
  readonly localTrack: LocalAudioTrack | null;
  readonly soundBlocked: boolean;
  readonly lines: readonly Line[];
  readonly error: unknown;
  /** Why the other side ended it, in words; null when this page hung up. */
  readonly endReason: string | null;
  readonly room: Room | null;
  readonly failover: Failover;
  /** The newest word of an agent about it. */
  readonly degraded: Degraded | null;
}

export const NO_AGENT: Agent = { identity: null, state: null, track: null, seen: false, late: false };

export const IDLE: CallSnapshot = {
  phase: "idle", roomName: null, conversationId: null, startedAt: null, endedAt: null, agent: NO_AGENT,
  microphone: "starting", localTrack: null, soundBlocked: false, lines: [], error: null, endReason: null, room: null,
  failover: NO_FAILOVER, degraded: null,
};

export const AGENT_PATIENCE_MS = 10_000;

export const inCall = (phase: Phase): boolean =>
  phase === "starting" || phase === "joining" || phase === "live" || phase === "reconnecting";

const AGENT_WORDS: Readonly<Record<string, string>> = {
  initializing: "Getting ready",
  idle: "Idle",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
};

/** The state of the other side as one word for machines and one for people. */
export function agentState(call: CallSnapshot): { readonly state: string; readonly words: string } {
  if (call.phase === "starting" || call.phase === "joining") return { state: "connecting", words: "Connecting" };
  if (call.phase === "reconnecting") return { state: "reconnecting", words: "Reconnecting" };
  if (call.phase !== "live") return { state: "disconnected", words: "Not connected" };
  const { agent } = call;
  if (agent.identity === null) {
    if (call.failover.gaveUp) return { state: "gone", words: "No assistant" };
    if (agent.late) return { state: "absent", words: "No assistant yet" };
    return agent.seen
      ? { state: "returning", words: "The assistant is coming back" }
      : { state: "waiting", words: "Waiting for the assistant" };
  }
  const { missing } = call.failover.silence;
  // It stays in the room for a moment, and its state is the one in which it died.
  if (missing !== null && missing.killedAt !== null && missing.lost === agent.identity) return { state: "killed", words: "Killed" };
  const state = agent.state ?? "initializing";
  return { state, words: AGENT_WORDS[state] ?? state };
}
