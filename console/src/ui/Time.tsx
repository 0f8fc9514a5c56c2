/** A moment, short on the page and exact on hover. */

import type { ReactNode } from "react";
import { exact } from "../lib/format";

export function Time({ at, children }: { readonly at: number; readonly children: string }): ReactNode {
  return <time dateTime={new Date(at).toISOString()} title={exact(at)}>{children}</time>;
}
