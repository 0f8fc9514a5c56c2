import { type FormEvent, type ReactNode, useId, useState } from "react";
import { saveApiKey } from "../api/api";

export function KeyForm({ again }: { readonly again: () => void }): ReactNode {
  const id = useId();
  const [key, setKey] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (key.trim() === "") return;
    saveApiKey(key.trim());
    again();
  };
  return (
    <form className="card keyform" onSubmit={submit} data-testid="error">
      <h2>The service asks for a key</h2>
      <p className="muted">It is the value of UNBROKEN_API_KEY. This tab keeps it until it is closed.</p>
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
