// Builds the chat page and the dashboard into the server's package. They must run under the server's strict
// content policy: no inline script or style, nothing from another address.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Decoded, because the checkout may stand in a path with a space.
const here = (path: string) => decodeURIComponent(new URL(path, import.meta.url).pathname);
const SERVER = "http://127.0.0.1:8000"; // for `npm run dev` beside `make run`

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "netra-client": here("../clients/typescript/src/index.ts") } },
  build: {
    outDir: here("../netra_backend/http/static"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: here("index.html"), dashboard: here("dashboard.html") },
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: "uplot", test: /node_modules[\\/]uplot[\\/]/ },
            { name: "assistant-ui", test: /node_modules[\\/]/ },
          ],
        },
      },
    },
  },
  server: {
    fs: { allow: [here(".."), here(".")] },
    proxy: { "/auth": SERVER, "/api": SERVER, "/v1": SERVER, "/ws": { target: SERVER, ws: true } },
  },
  test: { include: ["tests/**/*.test.{ts,tsx}"] },
});
