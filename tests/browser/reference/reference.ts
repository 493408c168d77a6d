/** A fresh xterm and nothing else: what the same bytes look like without the phone page around it. */

import "@xterm/xterm/css/xterm.css";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal, type ITerminalOptions } from "@xterm/xterm";
import { PALETTES } from "../../../page/src/ui/screen/palettes";

interface Given {
  readonly options: ITerminalOptions;
  readonly palette: string;
  readonly left: number;
  readonly top: number;
  readonly webgl: boolean;
  readonly chunks: readonly string[];
}

async function show(given: Given): Promise<void> {
  const theme = PALETTES.find((one) => one.id === given.palette)?.theme;
  if (theme === undefined) throw new Error(`expected the id of a palette; found ${given.palette}`);
  const host = document.createElement("div");
  host.id = "screen";
  host.style.left = `${given.left}px`;
  host.style.top = `${given.top}px`;
  document.body.style.background = theme.background ?? "";
  document.body.replaceChildren(host);
  const terminal = new Terminal({ ...given.options, theme, allowProposedApi: true });
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  terminal.open(host);
  if (given.webgl) terminal.loadAddon(new WebglAddon());
  for (const chunk of given.chunks) await new Promise<void>((done) => terminal.write(chunk, done));
  terminal.focus();
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}

async function pixels(png: string): Promise<ImageData> {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("expected a canvas");
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, picture.width, picture.height);
}

/** How many pixels of two pictures differ, how many there are, and how many colours the first one has. */
async function compare(one: string, other: string): Promise<{ differing: number; all: number; colours: number }> {
  const [here, there] = [await pixels(one), await pixels(other)];
  if (here.width !== there.width || here.height !== there.height) {
    throw new Error(`expected pictures of one size; found ${here.width}x${here.height} and ${there.width}x${there.height}`);
  }
  const [a, b] = [new Uint32Array(here.data.buffer), new Uint32Array(there.data.buffer)];
  let differing = 0;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) differing += 1;
  return { differing, all: a.length, colours: new Set(a).size };
}

Object.assign(window, { show, compare });
