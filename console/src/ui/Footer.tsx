/** Which service and which model answer; says nothing when the service does not. */

import type { ReactNode } from "react";
import { getSystem, hasApiKey, saveApiKey } from "../api/api";
import { useResource } from "../lib/useResource";

function signOut(): void {
  saveApiKey(null);
  window.location.reload(); // what was read with the key is not left on the page
}

export function Footer(): ReactNode {
  const { data } = useResource("system", getSystem);
  return (
    <footer className="footer">
      {data !== null && (
        <>
          <span>unbroken {data.version}</span>
          {data.model !== null && <span>model {data.model}</span>}
        </>
      )}
      {hasApiKey() && <button type="button" className="button bare small" onClick={signOut}>Sign out</button>}
    </footer>
  );
}
