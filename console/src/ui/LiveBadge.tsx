import type { ReactNode } from "react";

export function LiveBadge(): ReactNode {
  return <span className="live-badge"><span className="live-dot" aria-hidden="true" />Live</span>;
}
