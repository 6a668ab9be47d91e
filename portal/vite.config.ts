import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// With WHARF_URL=https://127.0.0.1:8443, `npx vite` serves the sources and a real daemon answers.
const daemon = process.env.WHARF_URL;
export default defineConfig({
  base: "/portal/",
  plugins: [react()],
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: daemon
    ? { proxy: { "^/(?!portal)": { target: daemon, secure: false, ws: true } } }
    : undefined,
});
