import type { ReactNode } from "react";
import { canSpeak } from "../call/microphone";
import type { CallSnapshot } from "../call/snapshot";
import { useCallController } from "../call/useCall";
import { Icon } from "../ui/Icon";

export function Controls({ call }: { readonly call: CallSnapshot }): ReactNode {
  const controller = useCallController();
  const off = call.microphone !== "on";
  const usable = call.phase === "live" && canSpeak(call.microphone);
  return (
    <div className="controls" role="group" aria-label="Call controls">
      <button
        type="button" className="button big" data-testid="mute" aria-pressed={off && usable} disabled={!usable}
        onClick={controller.toggleMicrophone}
      >
        <Icon name={off ? "muted" : "microphone"} />{off && usable ? "Unmute" : "Mute"}
      </button>
      <button type="button" className="button danger big" data-testid="hangup" onClick={controller.hangUp}>
        <Icon name="hangup" />Hang up
      </button>
    </div>
  );
}
