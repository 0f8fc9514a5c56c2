/** Plays what the others in the room say; outside the pages, so that it goes on between them. */

import { RoomAudioRenderer } from "@livekit/components-react";
import type { Room } from "livekit-client";
import type { ReactNode } from "react";

export default function Sound({ room }: { readonly room: Room }): ReactNode {
  return <RoomAudioRenderer room={room} />;
}
