// Changes with what the page looks like, for what a style sheet does not reach, such as a canvas.

import { useSyncExternalStore } from "react";
import { isDark, storedTheme } from "../state/theme.ts";

function subscribe(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = new MutationObserver(changed);
  system.addEventListener("change", changed);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", changed);
    chosen.disconnect();
  };
}

function shown(): "light" | "dark" {
  const chosen = document.documentElement.dataset.theme;
  return (chosen === undefined ? isDark(storedTheme()) : chosen === "dark") ? "dark" : "light";
}

export function useTheme(): "light" | "dark" {
  return useSyncExternalStore(subscribe, shown);
}
