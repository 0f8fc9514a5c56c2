/** What a reader has opened or closed in a long list stays so, also while it is not drawn. */

import { createContext, useContext, useState } from "react";

export const Opened = createContext<Map<string, boolean>>(new Map());

/** `first`: whether it is open before anybody has touched it. */
export function useOpen(id: string, first: boolean): readonly [boolean, (isOpen: boolean) => void] {
  const opened = useContext(Opened);
  const [isOpen, setOpen] = useState(opened.get(id) ?? first);
  const note = (is: boolean): void => {
    opened.set(id, is);
    setOpen(is);
  };
  return [isOpen, note];
}
