/** A short message about the state of things, with what a person can do about it. */

import type { ReactNode } from "react";
import { Icon } from "./Icon";

interface Props {
  readonly tone: "info" | "warning" | "error";
  readonly title: string;
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
}

export function Notice({ tone, title, children, actions }: Props): ReactNode {
  const isError = tone === "error";
  return (
    <div className={`notice ${tone}`} role={isError ? "alert" : "status"} data-testid={isError ? "error" : undefined}>
      <Icon name="warning" />
      <div className="notice-text">
        <strong>{title}</strong>
        {children !== undefined && <p>{children}</p>}
      </div>
      {actions !== undefined && <div className="notice-actions">{actions}</div>}
    </div>
  );
}
