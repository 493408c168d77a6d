import { defineConfig } from "vite";

// Everything is served by the relay itself under /: no inline script or style, no foreign source.
export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: ["es2021", "safari15", "chrome100", "firefox100"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
