/** The assistant's voice as bars; its own chunk, because it brings LiveKit's components. */

import { type AgentState, BarVisualizer } from "@livekit/components-react";
import type { RemoteAudioTrack } from "livekit-client";
import type { ReactNode } from "react";

const STATES: readonly AgentState[] = ["connecting", "initializing", "listening", "thinking", "speaking"];

interface Props {
  readonly track: RemoteAudioTrack;
  readonly state: string;
}

export default function Voice({ track, state }: Props): ReactNode {
  const known = STATES.find((one) => one === state) ?? "connecting";
  return <BarVisualizer track={track} state={known} barCount={9} options={{ minHeight: 8 }} className="voice" />;
}
