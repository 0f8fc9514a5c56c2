/** The restore report of a takeover: a count that opens to the fields and their reasons. */

import type { ReactNode } from "react";
import type { Report } from "../api/types";
import { reportFields, reportSummary } from "../lib/report";

export function ReportView({ report }: { readonly report: Report }): ReactNode {
  const fields = reportFields(report);
  const exact = fields.filter((field) => field.grade === "exact");
  return (
    <details className="report" data-testid="report">
      <summary>Restored<span className="muted">{fields.length === 0 ? "nothing to restore" : reportSummary(fields)}</span></summary>
      <dl>
        {fields.filter((field) => field.grade !== "exact").map(({ name, grade, why }) => (
          <div key={name} data-grade={grade}>
            <dt>{name}</dt>
            <dd><span className="grade">{grade}</span>{why !== null && `: ${why}`}</dd>
          </div>
        ))}
        {exact.length > 0 && (
          <div data-grade="exact">
            <dt className="grade">exact</dt>
            <dd>{exact.map((field) => field.name).join(", ")}</dd>
          </div>
        )}
      </dl>
    </details>
  );
}
