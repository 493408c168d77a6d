import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const packages = fileURLToPath(new URL("../../../page/node_modules/", import.meta.url));

// The packages are those of the page: the same xterm, built by the same Vite.
export default {
  root: here,
  base: "./",
  resolve: { alias: [{ find: /^@xterm\//, replacement: `${packages}@xterm/` }] },
  build: { emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
};
