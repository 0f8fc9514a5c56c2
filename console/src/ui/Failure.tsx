/** What went wrong with the service, and the way on: the API key when it asks for one, else a retry. */

import type { ReactNode } from "react";
import { ApiError } from "../api/api";
import { MediaUnreachable } from "../call/room";
import { KeyForm } from "./KeyForm";
import { Notice } from "./Notice";

const TITLES: Readonly<Record<ApiError["trouble"], string>> = {
  unreachable: "The service is not available",
  livekit: "LiveKit does not answer",
  unauthorized: "The service asks for a key",
  missing: "There is nothing here",
  refused: "The service refused this",
  busy: "Not at the moment",
  broken: "The service's answer makes no sense",
};

interface Props {
  readonly error: unknown;
  readonly retry: () => void;
  /** The page has a button of its own that tries again. */
  readonly plain?: boolean;
}

export function Failure({ error, retry, plain = false }: Props): ReactNode {
  const actions = plain ? undefined : <button type="button" className="button" onClick={retry}>Try again</button>;
  if (error instanceof MediaUnreachable) {
    return <Notice tone="error" title="The media server does not answer" actions={actions}>LiveKit said: {error.message}</Notice>;
  }
  if (!(error instanceof ApiError)) {
    const said = error instanceof Error ? error.message : "";
    return <Notice tone="error" title="That did not work" actions={actions}>{said}</Notice>;
  }
  if (error.trouble === "unauthorized") return <KeyForm error={error} again={retry} />;
  return <Notice tone="error" title={TITLES[error.trouble]} actions={actions}>{error.message}</Notice>;
}
