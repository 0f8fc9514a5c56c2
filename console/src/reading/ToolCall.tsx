import type { ReactNode } from "react";
import type { Tool } from "../api/types";
import { pretty } from "../lib/format";
import { Icon } from "../ui/Icon";
import { useOpen } from "./useOpen";

function outcome(tool: Tool): string {
  if (tool.output === null) return "outcome unknown";
  return tool.isError ? "failed" : "done";
}

function output(tool: Tool): string {
  if (tool.output === null) return "Nobody saw it end.";
  return tool.output === "" ? "none" : pretty(tool.output);
}

interface Props {
  readonly tool: Tool;
  /** Its own on this page. */
  readonly id: string;
}

/** Why one failed is read without a click. */
export function ToolCall({ tool, id }: Props): ReactNode {
  const [isOpen, setOpen] = useOpen(id, tool.isError);
  return (
    <details className="tool" data-testid="tool" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
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
