import type { ReactNode } from "react";
import { Link } from "./Link";

export function Nowhere(): ReactNode {
  return (
    <div className="blank">
      <h1>No such page</h1>
      <p className="muted">The address may be old or mistyped.</p>
      <Link className="button" href="/conversations">All conversations</Link>
    </div>
  );
}
