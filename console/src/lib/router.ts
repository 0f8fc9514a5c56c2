/** Three routes on the History API. Deep links work: the service answers their paths with this page. */

import { useSyncExternalStore } from "react";

export type Route =
  | { readonly at: "talk" }
  | { readonly at: "conversations" }
  | { readonly at: "conversation"; readonly id: string }
  | { readonly at: "nowhere" };

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null; // a stray % in the address
  }
}

export function routeOf(path: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length === 0) return { at: "talk" };
  if (parts[0] !== "conversations" || parts.length > 2) return { at: "nowhere" };
  if (parts[1] === undefined) return { at: "conversations" };
  const id = decoded(parts[1]);
  return id === null || !ID.test(id) ? { at: "nowhere" } : { at: "conversation", id };
}

const listeners = new Set<() => void>();
const here = (): string => window.location.pathname + window.location.search;
let place = here();
let visits = 0;

/** A jump within the page, to what is behind "#", is no visit. */
function arrive(): void {
  if (here() === place) return;
  place = here();
  visits += 1;
  for (const listener of listeners) listener();
}

window.addEventListener("popstate", arrive);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => window.location.pathname);
}

/** Another number each time that a reader goes somewhere, be it to the same path with another question. */
export function useVisit(): number {
  return useSyncExternalStore(subscribe, () => visits);
}

export function navigate(path: string): void {
  if (path === here()) return;
  window.history.pushState(null, "", path);
  window.scrollTo(0, 0);
  arrive();
}

/** A value of the address behind "?"; "" if it is not there. */
export const readQuery = (name: string): string => new URLSearchParams(window.location.search).get(name) ?? "";

/** All else that the address asks for, as it stands behind "?"; "" for nothing. */
export function readOthers(name: string): string {
  const query = new URLSearchParams(window.location.search);
  query.delete(name);
  return query.toString();
}

/** Keeps it in the address, for a reload and for the way back here; "" takes it out. */
export function writeQuery(name: string, value: string): void {
  if (readQuery(name) === value) return;
  const query = new URLSearchParams(window.location.search);
  if (value === "") query.delete(name);
  else query.set(name, value);
  const rest = query.toString();
  window.history.replaceState(null, "", `${window.location.pathname}${rest === "" ? "" : `?${rest}`}`);
  place = here();
}

/** The page of a conversation; at the line `at`, if it is given. */
export function conversationPath(id: string, at: string | null = null): string {
  const path = `/conversations/${encodeURIComponent(id)}`;
  return at === null ? path : `${path}?at=${encodeURIComponent(at)}`;
}
