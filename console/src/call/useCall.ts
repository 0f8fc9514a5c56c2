/** The call of this tab for components. */

import { createContext, useContext, useSyncExternalStore } from "react";
import { CallController } from "./controller";
import type { CallSnapshot } from "./snapshot";

export const CallContext = createContext(new CallController());

export function useCallController(): CallController {
  return useContext(CallContext);
}

export function useCall(): CallSnapshot {
  const controller = useCallController();
  return useSyncExternalStore(controller.subscribe, controller.get);
}
