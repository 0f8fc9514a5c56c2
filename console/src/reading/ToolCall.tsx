import type { ReactNode } from "react";
import type { Tool } from "../api/types";
import { pretty } from "../lib/format";
import { Icon } from "../ui/Icon";

function outcome(tool: Tool): string {
  if (tool.output === null) return "outcome unknown";
  return tool.isError ? "failed" : "done";
}

function output(tool: Tool): string {
  if (tool.output === null) return "Nobody saw it end.";
  return tool.output === "" ? "none" : pretty(tool.output);
}

/** Why one failed is read without a click. */
export function ToolCall({ tool }: { readonly tool: Tool }): ReactNode {
  return (
    <details className="tool" data-testid="tool" open={tool.isError}>
      <summary>
        <Icon name="tool" />
        <span className="mono">{tool.name}</span>
        <span className={`tool-outcome ${tool.isError || tool.output === null ? "bad" : "muted"}`}>{outcome(tool)}</span>
      </summary>
      <dl>
        <dt>Arguments</dt>
        <dd><pre>{tool.arguments === "" ? "none" : pretty(tool.arguments)}</pre></dd>
        <dt>Output</dt>
        <dd><pre>{output(tool)}</pre></dd>
      </dl>
    </details>
  );
}
