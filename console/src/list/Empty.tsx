import type { ReactNode } from "react";
import { Link } from "../ui/Link";

export function Empty(): ReactNode {
  return (
    <div className="blank" data-testid="empty">
      <h2>No conversations yet</h2>
      <p className="muted">The first one appears here as soon as somebody talks to the assistant.</p>
      <Link className="button primary" href="/">Start talking</Link>
    </div>
  );
}
