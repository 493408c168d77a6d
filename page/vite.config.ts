import { defineConfig } from "vite";

// Everything is served by the relay itself: no inline script or style, no foreign source. Addresses are relative, since a
// proxy may serve the relay under a path.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: ["es2021", "safari15", "chrome100", "firefox100"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
