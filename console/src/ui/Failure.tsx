/** What went wrong with the service, and the way on: the API key when it asks for one, else a retry. */

import type { ReactNode } from "react";
import { ApiError } from "../api/api";
import { KeyForm } from "./KeyForm";
import { Notice } from "./Notice";

const TITLES: Readonly<Record<ApiError["trouble"], string>> = {
  unreachable: "The service is not available",
  unauthorized: "The service asks for a key",
  missing: "There is nothing here",
  refused: "The service refused this",
  broken: "The service's answer makes no sense",
};

const HINTS: Partial<Readonly<Record<ApiError["trouble"], string>>> = {
  unreachable: "Nothing that was said is lost: the assistant keeps it until the service is back.",
};

export function Failure({ error, retry }: { readonly error: unknown; readonly retry: () => void }): ReactNode {
  if (!(error instanceof ApiError)) {
    const said = error instanceof Error ? error.message : "";
    return <Notice tone="error" title="That did not work" actions={<Retry retry={retry} />}>{said}</Notice>;
  }
  if (error.trouble === "unauthorized") return <KeyForm again={retry} />;
  const hint = HINTS[error.trouble];
  return (
    <Notice tone="error" title={TITLES[error.trouble]} actions={<Retry retry={retry} />}>
      {error.message}{hint !== undefined && ` ${hint}`}
    </Notice>
  );
}

function Retry({ retry }: { readonly retry: () => void }): ReactNode {
  return <button type="button" className="button" onClick={retry}>Try again</button>;
}
