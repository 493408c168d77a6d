/**
 * Puts smaller copies beside what was built, for browsers that take them: `.gz`, and `.br` where this Node can.
 *
 *   node scripts/pack.mjs    after vite build
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";

const built = join(dirname(fileURLToPath(import.meta.url)), "../dist");
const PACKED = [".js", ".css", ".html", ".svg", ".json", ".webmanifest"];

const gzip = (content) => zlib.gzipSync(content, { level: 9 });
const brotli = (content) => zlib.brotliCompressSync(content, { params: { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
const WAYS = [[".gz", gzip], ...("brotliCompressSync" in zlib ? [[".br", brotli]] : [])];

for (const entry of readdirSync(built, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !PACKED.includes(extname(entry.name))) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const content = readFileSync(path);
  for (const [suffix, pack] of WAYS) {
    const packed = pack(content);
    if (packed.length < content.length) writeFileSync(path + suffix, packed);
  }
}
