/** The shell around all pages; the call lives above them. */

import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { useCall } from "./call/useCall";
import { readQuery, type Route, routeOf, usePath, useVisit } from "./lib/router";
import { ConversationsPage } from "./list/ConversationsPage";
import { ConversationPage } from "./reading/ConversationPage";
import { TalkPage } from "./talk/TalkPage";
import { CallBar } from "./ui/CallBar";
import { Footer } from "./ui/Footer";
import { Header } from "./ui/Header";
import { Nowhere } from "./ui/Nowhere";

const Sound = lazy(() => import("./talk/Sound"));

const TITLES: Readonly<Record<Route["at"], string>> = {
  talk: "Talk",
  conversations: "Conversations",
  conversation: "Conversation",
  nowhere: "Not found",
};

function page(route: Route, visit: number): ReactNode {
  switch (route.at) {
    case "talk": return <TalkPage />;
    case "conversations": return <ConversationsPage key={visit} />;
    case "conversation": return <ConversationPage key={`${route.id} ${readQuery("at")}`} id={route.id} at={readQuery("at")} />;
    case "nowhere": return <Nowhere />;
  }
}

export function App(): ReactNode {
  const path = usePath();
  const route = routeOf(path);
  const visit = useVisit();
  const { room } = useCall();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);

  useEffect(() => {
    if (route.at !== "conversation") document.title = `${TITLES[route.at]} · unbroken`;
    // A new page starts at its beginning for the keyboard and for screen readers, too.
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [path, route.at]);

  return (
    <div className="shell">
      <a className="skip" href="#main">Skip to content</a>
      <Header route={route.at} />
      {route.at !== "talk" && <CallBar />}
      <main id="main" ref={main} tabIndex={-1} className={`page page-${route.at}`}>{page(route, visit)}</main>
      {route.at !== "talk" && <Footer />}
      {room !== null && <Suspense fallback={null}><Sound room={room} /></Suspense>}
    </div>
  );
}
