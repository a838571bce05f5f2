// Puts the dashboard into the document.

import { lazy, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Gate } from "../components/Gate.tsx";
import { applyTheme, storedTheme } from "../state/theme.ts";
import "../styles/base.css";
import "../styles/controls.css";
import "../styles/login.css";
import { ForOperators } from "./ForOperators.tsx";

const Dashboard = lazy(() => import("./Dashboard.tsx"));

applyTheme(storedTheme());
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Gate welcome="Log in as an operator.">
        {(user, doors) => (user.roles.includes("operator") ? <Dashboard user={user} {...doors} /> : <ForOperators user={user} leave={doors.leave} />)}
      </Gate>
    </StrictMode>,
  );
}
