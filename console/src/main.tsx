import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/talk.css";
import "./styles/failover.css";
import "./styles/list.css";
import "./styles/reading.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
