// The button that changes between light and dark.

import { useEffect, useState } from "react";
import { isDark, rememberTheme, storedTheme } from "../state/theme.ts";
import { Icon } from "./Icon.tsx";

export function ThemeToggle() {
  const [dark, setDark] = useState(() => isDark(storedTheme()));
  useEffect(() => {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const look = () => setDark(isDark(storedTheme()));
    system.addEventListener("change", look);
    return () => system.removeEventListener("change", look);
  }, []);
  const toggle = () => {
    rememberTheme(dark ? "light" : "dark");
    setDark(!dark);
  };
  return (
    <button type="button" className="quiet" onClick={toggle} aria-label={dark ? "Use the light theme" : "Use the dark theme"}>
      <Icon name={dark ? "sun" : "moon"} />
    </button>
  );
}
