/**
 * Draws the icons that home screens want from icons/icon.svg, into public/icons. Run after a change of the SVG:
 *
 *   node scripts/render_icons.mjs [path of a Chromium]
 */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const chromium = process.argv[2] ?? "chromium";
const source = readFileSync(join(root, "icons/icon.svg"), "utf8");
const target = join(root, "public/icons");

/** Android and iOS cut the corners themselves; Android's masks may cut a fifth off each side. */
const unrounded = source.replace('rx="112" ', "");
const maskable = unrounded.replace('<g id="picture" ', '<g id="picture" transform="translate(256 256) scale(.72) translate(-270 -256)" ');
const ICONS = [
  ["icon-192.png", 192, source],
  ["icon-512.png", 512, source],
  ["maskable-512.png", 512, maskable],
  ["apple-touch-icon.png", 180, unrounded],
];

const work = mkdtempSync(join(tmpdir(), "icons-"));
mkdirSync(target, { recursive: true });
for (const [name, size, svg] of ICONS) {
  const page = join(work, "icon.html");
  const sized = svg.replace("<svg ", `<svg width="${size}" height="${size}" `);
  writeFileSync(page, `<!doctype html><style>html,body{margin:0;background:transparent;overflow:hidden}svg{display:block}</style>${sized}`);
  const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--default-background-color=00000000"];
  execFileSync(chromium, [...flags, `--user-data-dir=${work}/profile`, `--window-size=${size},${size}`, `--screenshot=${join(target, name)}`, `file://${page}`], { stdio: "ignore" });
}
copyFileSync(join(root, "icons/icon.svg"), join(target, "icon.svg"));
rmSync(work, { recursive: true });
