import { type ReactNode, useEffect, useRef, useState } from "react";

const PAUSE_MS = 250; // of a person who types
const CHARS_MAX = 500; // what the service reads

interface Props {
  readonly words: string;
  readonly onWords: (words: string) => void;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName));

/** Tells the words when its reader pauses. "/" leads here, Escape empties it. */
export function SearchField({ words, onWords }: Props): ReactNode {
  const [text, setText] = useState(words);
  const field = useRef<HTMLInputElement>(null);
  const told = useRef(onWords);
  told.current = onWords;

  useEffect(() => {
    const timer = setTimeout(() => told.current(text.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    const lead = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      event.preventDefault();
      field.current?.focus();
    };
    window.addEventListener("keydown", lead);
    return () => window.removeEventListener("keydown", lead);
  }, []);

  return (
    <form role="search" onSubmit={(event) => { event.preventDefault(); onWords(text.trim()); }}>
      <input
        ref={field} type="search" className="search" data-testid="search" dir="auto" maxLength={CHARS_MAX}
        aria-label="Search conversations by words or caller" placeholder="Search by words or caller"
        value={text} onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => { if (event.key === "Escape") setText(""); }}
      />
    </form>
  );
}
