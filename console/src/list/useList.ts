/** The list for some words: its newest page again and again, older ones when they are asked for. */

import { useEffect, useState } from "react";
import { listConversations } from "../api/api";
import { useResource } from "../lib/useResource";
import { NOTHING, type Opened, withNewest, withOlder } from "./rows";

const POLL_MS = 4000;

/** What a reader had opened last, for the way back to it; as long as the page lives. */
let kept: Opened = NOTHING;

export interface List extends Opened {
  readonly isThere: boolean;
  readonly error: unknown;
  readonly reload: () => void;
  readonly isLoading: boolean;
  /** Why older ones did not come. */
  readonly problem: unknown;
  readonly loadOlder: () => void;
}

/** `others`: what else is asked for, as it stands in an address. */
export function useList(words: string, others: string): List {
  const name = others === "" ? words : `${words} ${others}`;
  const [opened, setOpened] = useState(kept);
  const [isLoading, setLoading] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const { data, error, reload } = useResource(`conversations ${name}`, (signal) => listConversations(words, others, null, signal), () => POLL_MS);
  useEffect(() => {
    if (data !== null) setOpened((old) => withNewest(old, name, data));
  }, [data, name]);
  useEffect(() => {
    kept = opened;
  }, [opened]);

  const loadOlder = (): void => {
    setLoading(true);
    setProblem(null);
    listConversations(words, others, opened.next)
      .then((page) => setOpened((old) => withOlder(old, page)), setProblem)
      .finally(() => setLoading(false));
  };
  const shown = opened.words === name ? opened : NOTHING;
  return { ...shown, words: name, isThere: shown !== NOTHING, error, reload, isLoading, problem, loadOlder };
}
