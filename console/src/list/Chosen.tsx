import type { ReactNode } from "react";
import { Link } from "../ui/Link";

/** By what the address chooses from the list, and the way to all of it. */
export function Chosen({ others }: { readonly others: string }): ReactNode {
  return (
    <p className="muted small outcome" data-testid="chosen" dir="auto">
      Only those with {new URLSearchParams(others).toString().replaceAll("&", ", ")}. <Link href="/conversations">Show all</Link>
    </p>
  );
}
