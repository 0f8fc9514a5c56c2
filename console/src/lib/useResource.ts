/** Loads something from the service, again on request, and again every `pollMs` while visible. */

import { useCallback, useEffect, useRef, useState } from "react";
import { KEY_CHANGED } from "../api/api";

export interface Resource<T> {
  readonly data: T | null;
  readonly error: unknown;
  readonly loading: boolean;
  readonly reload: () => void;
}

interface State<T> {
  readonly key: string;
  readonly data: T | null;
  readonly error: unknown;
  readonly loading: boolean;
}

/**
 * `load` is read when it runs; a new `key` throws the old answer away.
 * A failed poll keeps the last good answer beside the error.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  pollMs: (data: T | null) => number | null = () => null,
): Resource<T> {
  const [state, setState] = useState<State<T>>({ key, data: null, error: null, loading: true });
  const [round, setRound] = useState(0);
  const current = useRef(load);
  current.current = load;

  useEffect(() => {
    const abort = new AbortController();
    setState((old) => (old.key === key ? { ...old, loading: true } : { key, data: null, error: null, loading: true }));
    current.current(abort.signal).then(
      (data) => setState({ key, data, error: null, loading: false }),
      (error: unknown) => {
        if (!abort.signal.aborted) setState((old) => ({ ...old, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, round]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    window.addEventListener(KEY_CHANGED, reload);
    return () => window.removeEventListener(KEY_CHANGED, reload);
  }, [reload]);
  const wait = state.loading ? null : pollMs(state.data);
  useEffect(() => {
    if (wait === null) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, wait);
    return () => clearInterval(timer);
  }, [wait, reload, round]);

  return state.key === key ? { ...state, reload } : { data: null, error: null, loading: true, reload };
}
