/** Listens to a room: transcripts (LiveKit's text streams), safety messages, and who the agent is. */

import type { RemoteAudioTrack, RemoteParticipant, Room, TextStreamReader } from "livekit-client";
import { type Degraded, parseDegraded, parseSafety, SAFETY_TOPIC, type Safety } from "./safety";
import type { Heard } from "./transcript";

const TRANSCRIPTION_TOPIC = "lk.transcription";
const SEGMENT = "lk.segment_id";
const FINAL = "lk.transcription_final";
const STATE = "lk.agent.state";
const ON_BEHALF = "lk.publish_on_behalf";
const AGENT_KIND = 4; // ParticipantInfo_Kind.AGENT

/**
 * One stream is one version of a segment (the user's) or the growing segment itself (the
 * assistant's, whose closing packet says that it is final). A stream that breaks was cut off.
 */
export async function readTranscript(
  reader: TextStreamReader, who: Pick<Heard, "role" | "from" | "at">, hear: (heard: Heard) => void,
): Promise<void> {
  const segment = reader.info.attributes?.[SEGMENT] ?? reader.info.id;
  const isFinal = (): boolean => reader.info.attributes?.[FINAL] === "true";
  let text = "";
  try {
    for await (const piece of reader) {
      text += piece;
      hear({ ...who, segment, text, final: isFinal(), cut: false });
    }
    if (who.role === "assistant" || isFinal()) hear({ ...who, segment, text, final: true, cut: false });
  } catch {
    hear({ ...who, segment, text, final: true, cut: true }); // its sender is gone
  }
}

export function onTranscripts(room: Room, hear: (heard: Heard) => void): void {
  room.registerTextStreamHandler(TRANSCRIPTION_TOPIC, (reader, from) => {
    const role = from.identity === room.localParticipant.identity ? "user" : "assistant";
    void readTranscript(reader, { role, from: from.identity, at: Date.now() }, hear);
  });
}

export function readSafety(payload: Uint8Array, topic: string | undefined, by: string): Safety | null {
  return topic === SAFETY_TOPIC ? parseSafety(new TextDecoder().decode(payload), by) : null;
}

export function readDegraded(payload: Uint8Array, topic: string | undefined, by: string): Degraded | null {
  return topic === SAFETY_TOPIC ? parseDegraded(new TextDecoder().decode(payload), by) : null;
}

export interface AgentInRoom {
  readonly identity: string;
  readonly state: string | null;
  readonly track: RemoteAudioTrack | null;
}

function audioOf(participant: RemoteParticipant): RemoteAudioTrack | null {
  for (const publication of participant.audioTrackPublications.values()) {
    // The kind of a track in audioTrackPublications is audio; the type does not say so.
    if (publication.track?.kind === "audio") return publication.track as RemoteAudioTrack;
  }
  return null;
}

const joined = (participant: RemoteParticipant): number => participant.joinedAt?.getTime() ?? 0;

/**
 * The agent that joined last. After a takeover the dead one may stay listed for a moment,
 * so the first one in the list, which LiveKit's own hooks take, is the wrong one.
 */
export function currentAgent(room: Room): AgentInRoom | null {
  const agents = [...room.remoteParticipants.values()]
    .filter((participant) => (participant.kind as number) === AGENT_KIND && !(ON_BEHALF in participant.attributes))
    .sort((a, b) => joined(b) - joined(a));
  const agent = agents[0];
  if (agent === undefined) return null;
  return { identity: agent.identity, state: agent.attributes[STATE] ?? null, track: audioOf(agent) };
}
