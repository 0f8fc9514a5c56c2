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
  const [left, setLeft] = useState(recall); // the call that a reload of this tab cut off
  if (inCall(phase)) return <InCall />;
  if (phase === "ended" || phase === "lost") return <Ended />;
  if (phase === "idle" && left !== null) return <Return call={left} drop={() => setLeft(null)} />;
  return <Welcome />;
}
