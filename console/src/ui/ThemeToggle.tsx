import type { ReactNode } from "react";
import { useTheme } from "../lib/theme";
import { Icon } from "./Icon";

export function ThemeToggle(): ReactNode {
  const { theme, flip } = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button type="button" className="button bare square" onClick={flip} aria-label={`Use ${other} colours`} title={`Use ${other} colours`}>
      <Icon name={theme === "dark" ? "sun" : "moon"} />
    </button>
  );
}
