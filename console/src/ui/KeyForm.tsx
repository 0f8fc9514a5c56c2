import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { hasApiKey, saveApiKey } from "../api/api";
import { useFocusKept } from "./useFocusKept";

interface Props {
  /** The refusal; another one is the answer to another key. */
  readonly error: unknown;
  readonly again: () => void;
}

export function KeyForm({ error, again }: Props): ReactNode {
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  useFocusKept(form);
  const [key, setKey] = useState("");
  const [wasRefused, setRefused] = useState(false);
  useEffect(() => setRefused(hasApiKey()), [error]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (key.trim() === "") return;
    saveApiKey(key.trim());
    again();
  };
  return (
    <form ref={form} className="card keyform" onSubmit={submit} data-testid="error">
      <h2>{wasRefused ? "This key is wrong" : "The service asks for a key"}</h2>
      <p className="muted">{wasRefused && "The service does not take it. "}It is the value of UNBROKEN_API_KEY. This tab keeps it until it is closed.</p>
      <label htmlFor={id}>API key</label>
      <div className="row">
        <input
          id={id} type="password" autoComplete="off" spellCheck={false} required
          pattern="[ -~]+" title="A key has only plain letters, digits and signs."
          value={key} onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="button primary">Use this key</button>
      </div>
    </form>
  );
}
