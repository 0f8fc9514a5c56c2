/** Connects to LiveKit and reports what happens in the room; loads LiveKit's client when first needed. */

import type { DisconnectReason, Room } from "livekit-client";
import type { Degraded, Safety } from "./safety";
import { onTranscripts, readDegraded, readSafety } from "./streams";
import type { Heard } from "./transcript";

export class MediaUnreachable extends Error {
  override readonly name = "MediaUnreachable";
}

export interface Closed {
  /** True when coming back to the same room makes sense. */
  readonly lost: boolean;
  readonly reason: string;
}

export interface RoomEvents {
  readonly opened: (room: Room) => void;
  readonly reconnecting: () => void;
  readonly reconnected: () => void;
  readonly closed: (closed: Closed) => void;
  readonly heard: (heard: Heard) => void;
  readonly safety: (safety: Safety) => void;
  readonly degraded: (degraded: Degraded) => void;
  readonly people: (room: Room) => void;
  readonly sound: (allowed: boolean) => void;
}

const DUPLICATE_IDENTITY = 2;
const PARTICIPANT_REMOVED = 4;
const ROOM_DELETED = 5;
const ROOM_CLOSED = 10;

export function closedWords(reason: DisconnectReason | undefined): Closed {
  switch (reason as number | undefined) {
    case DUPLICATE_IDENTITY:
      return { lost: false, reason: "This call was opened in another window." };
    case PARTICIPANT_REMOVED:
      return { lost: false, reason: "You were taken out of the call." };
    case ROOM_DELETED:
    case ROOM_CLOSED:
      return { lost: false, reason: "The call was ended by the other side." };
    default:
      return { lost: true, reason: "The connection was lost." };
  }
}

/** Throws MediaUnreachable when LiveKit does not let us in; after that `closed` is called at most once. */
export async function connectRoom(url: string, token: string, on: RoomEvents): Promise<Room> {
  const { Room: LiveKitRoom, RoomEvent } = await import("livekit-client");
  const room = new LiveKitRoom({
    audioCaptureDefaults: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  let connected = false;
  const people = (): void => on.people(room);
  onTranscripts(room, on.heard);
  room
    .on(RoomEvent.Reconnecting, on.reconnecting)
    .on(RoomEvent.SignalReconnecting, on.reconnecting)
    .on(RoomEvent.Reconnected, on.reconnected)
    .on(RoomEvent.Disconnected, (reason) => {
      if (connected) on.closed(closedWords(reason)); // before that, connect() rejects
    })
    .on(RoomEvent.ParticipantConnected, people)
    .on(RoomEvent.ParticipantDisconnected, people)
    .on(RoomEvent.ParticipantAttributesChanged, people)
    .on(RoomEvent.TrackSubscribed, people)
    .on(RoomEvent.TrackUnsubscribed, people)
    .on(RoomEvent.AudioPlaybackStatusChanged, () => on.sound(room.canPlaybackAudio))
    .on(RoomEvent.DataReceived, (payload, from, _kind, topic) => {
      const safety = readSafety(payload, topic, from?.identity ?? "");
      if (safety !== null) on.safety(safety);
      const degraded = readDegraded(payload, topic, from?.identity ?? "");
      if (degraded !== null) on.degraded(degraded);
    });
  on.opened(room);
  try {
    await room.connect(url, token);
  } catch (error) {
    throw new MediaUnreachable(error instanceof Error ? error.message : String(error));
  }
  connected = true;
  return room;
}
