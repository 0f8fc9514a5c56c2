/** Light or dark: the system's choice until a person picks the other one. */

import { useEffect, useState } from "react";

export type Theme = "light" | "dark";
const KEY = "unbroken.theme";

function chosen(): Theme | null {
  const value = document.documentElement.dataset["theme"];
  return value === "light" || value === "dark" ? value : null;
}

function store(theme: Theme | null): void {
  try {
    if (theme === null) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is blocked: the choice lasts as long as the page.
  }
}

export function useMedia(media: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(media).matches);
  useEffect(() => {
    const list = window.matchMedia(media);
    const update = (): void => setMatches(list.matches);
    update();
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, [media]);
  return matches;
}

/** Going back to what the system says forgets the choice, so the page follows the system again. */
export function useTheme(): { readonly theme: Theme; readonly flip: () => void } {
  const system: Theme = useMedia("(prefers-color-scheme: dark)") ? "dark" : "light";
  const [pick, setPick] = useState<Theme | null>(chosen);
  const theme = pick ?? system;
  const flip = (): void => {
    const other: Theme = theme === "dark" ? "light" : "dark";
    const next = other === system ? null : other;
    if (next === null) delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = next;
    store(next);
    setPick(next);
  };
  return { theme, flip };
}
