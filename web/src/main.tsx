// Puts the page into the document.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { applyTheme, storedTheme } from "./state/theme.ts";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/login.css";

applyTheme(storedTheme());
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
