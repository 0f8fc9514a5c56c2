import { type ReactNode, useState } from "react";
import { recall } from "../call/memory";
import { inCall } from "../call/snapshot";
import { useCall } from "../call/useCall";
import { Ended } from "./Ended";
import { InCall } from "./InCall";
import { Return } from "./Return";
import { Welcome } from "./Welcome";

export function TalkPage(): ReactNode {
  const { phase } = useCall();
  const [, redraw] = useState(0);
  const left = recall(); // the call that a reload of this tab or a failed return left open
  if (inCall(phase)) return <InCall />;
  if (phase === "ended" || phase === "lost") return <Ended />;
  if (left !== null) return <Return left={left} drop={() => redraw((n) => n + 1)} />;
  return <Welcome />;
}
