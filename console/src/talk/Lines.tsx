/** The lines of a call, with the takeovers where they happened. */

import { Fragment, type ReactNode } from "react";
import { isSaidAgain, type Takeover } from "../call/takeover";
import type { Line } from "../call/transcript";
import { TakeoverNote } from "./TakeoverNote";
import { TranscriptLine } from "./TranscriptLine";

interface Props {
  readonly lines: readonly Line[];
  readonly takeovers: readonly Takeover[];
}

export function Lines({ lines, takeovers }: Props): ReactNode {
  const notes = (some: readonly Takeover[]): ReactNode =>
    some.map((one) => <TakeoverNote key={one.key} takeover={one} again={isSaidAgain(one, lines)} />);
  const isPlaced = (one: Takeover): boolean => lines.some((line) => line.key === one.after);
  return (
    <>
      {lines.map((line) => (
        <Fragment key={line.key}>
          <TranscriptLine line={line} killed={takeovers.some((one) => one.after === line.key)} />
          {notes(takeovers.filter((one) => one.after === line.key))}
        </Fragment>
      ))}
      {notes(takeovers.filter((one) => !isPlaced(one)))}
    </>
  );
}
