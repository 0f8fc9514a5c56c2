/** This tab's storage; where the browser blocks it, values last as long as the page. */

const fallback = new Map<string, string>();

export function readTab(key: string): string | null {
  try {
    return sessionStorage.getItem(key) ?? fallback.get(key) ?? null;
  } catch {
    return fallback.get(key) ?? null;
  }
}

export function writeTab(key: string, value: string | null): void {
  fallback.delete(key);
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    if (value !== null) fallback.set(key, value);
  }
}
