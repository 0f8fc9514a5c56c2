/** Which service and which model answer; says nothing when the service does not. */

import type { ReactNode } from "react";
import { getSystem } from "../api/api";
import { useResource } from "../lib/useResource";

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
    </footer>
  );
}
