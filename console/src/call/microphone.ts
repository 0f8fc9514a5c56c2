/** Publishes the microphone and says in one word why it could not. */

import type { LocalAudioTrack, Room } from "livekit-client";
import type { Microphone } from "./snapshot";

/** By the name of the DOMException that getUserMedia throws. */
export function microphoneTrouble(error: unknown): Microphone {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "PermissionDeniedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "DevicesNotFoundError") return "absent";
  if (name === "NotReadableError" || name === "TrackStartError") return "busy";
  return "failed";
}

export interface MicrophoneState {
  readonly microphone: Microphone;
  readonly localTrack: LocalAudioTrack | null;
}

/** Never throws: a caller without a microphone can still hear. */
export async function setMicrophone(room: Room, on: boolean): Promise<MicrophoneState> {
  // Browsers hide the microphone from pages that are neither https nor localhost.
  if (!window.isSecureContext) return { microphone: "insecure", localTrack: null };
  try {
    const publication = await room.localParticipant.setMicrophoneEnabled(on);
    return { microphone: on ? "on" : "muted", localTrack: publication?.audioTrack ?? null };
  } catch (error) {
    return { microphone: microphoneTrouble(error), localTrack: null };
  }
}

export const canSpeak = (microphone: Microphone): boolean => microphone === "on" || microphone === "muted";
