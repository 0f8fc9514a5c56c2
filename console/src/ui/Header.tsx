import type { ReactNode } from "react";
import type { Route } from "../lib/router";
import { Link } from "./Link";
import { ThemeToggle } from "./ThemeToggle";

export function Header({ route }: { readonly route: Route["at"] }): ReactNode {
  const reading = route === "conversations" || route === "conversation";
  return (
    <header className="header">
      <Link href="/" className="brand" aria-label="unbroken, start page">
        <svg viewBox="0 0 44 16" width="44" height="16" aria-hidden="true">
          <path d="M1 8h13m16 0h13" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" />
          <circle cx="22" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="2.4" />
        </svg>
        <span>unbroken</span>
      </Link>
      <nav aria-label="Pages">
        <Link href="/" aria-current={route === "talk" ? "page" : undefined}>Talk</Link>
        <Link href="/conversations" aria-current={reading ? "page" : undefined}>Conversations</Link>
      </nav>
      <ThemeToggle />
    </header>
  );
}
