/** The few icons of the console, drawn on a 20 by 20 grid; always beside a word or a label. */

import type { ReactNode } from "react";

const PATHS = {
  microphone: "M10 2.5a2.5 2.5 0 0 1 2.5 2.5v4.5a2.5 2.5 0 0 1-5 0V5A2.5 2.5 0 0 1 10 2.5ZM5 9.5a5 5 0 0 0 10 0M10 14.5v3",
  muted: "M7.5 6.500V9.5a2.5 2.5 0 0 0 4 2M12.500 8V5a2.500 2.500 0 0 0-4.300-1.700M5 9.500a5 5 0 0 0 7.800 4.100M15 9.500c0 .7-.1 1.300-.4 1.900M10 14.500v3M3.500 3.500l13 13",
  hangup: "M2.500 11.500c4-4.600 11-4.600 15 0l-1.900 2.300-3.400-1.300v-2.300c-1.400-.4-3-.4-4.400 0v2.300l-3.400 1.300z",
  bolt: "M11.500 2 4 11.500h5.500L8.500 18 16 8.500h-5.500z",
  sun: "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M15.700 4.300l-1.100 1.100M5.400 14.600l-1.100 1.100",
  moon: "M16.500 12A7 7 0 0 1 8 3.500 7 7 0 1 0 16.500 12Z",
  arrow: "M4 10h12M11 5l5 5-5 5",
  back: "M16 10H4M9 5l-5 5 5 5",
  down: "M10 4v12M5 11l5 5 5-5",
  warning: "M10 3 2.500 16.500h15zM10 8v4M10 14.200v.3",
  tool: "M12.500 3a4 4 0 0 0-3.700 5.500L3 14.300 5.700 17l5.800-5.800A4 4 0 0 0 16.900 6l-2.600 2.600-2.600-.3-.3-2.600L14 3.100A4 4 0 0 0 12.500 3Z",
  sound: "M3 8v4h3l4 3.500v-11L6 8zM13 7.500a3.500 3.500 0 0 1 0 5M15.300 5a7 7 0 0 1 0 10",
} as const;

export function Icon({ name }: { readonly name: keyof typeof PATHS }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
