import type { ReactNode } from "react";

export function ListSkeleton(): ReactNode {
  return (
    <div className="rows" role="status" aria-label="Loading">
      {[62, 48, 70, 55].map((width) => (
        <div key={width} className="conversation skeleton" aria-hidden="true">
          <span className="bone bone-title" /><span className="bone" style={{ width: `${width}%` }} />
        </div>
      ))}
    </div>
  );
}
