/**
 * Renders with WebGL while that works and the terminal is shown, and with the DOM otherwise.
 *
 * Browsers allow few WebGL contexts (iOS: eight) and drop them in the background. So hidden terminals hold none, and a
 * terminal that lost two contexts stays with the DOM.
 */

import { WebglAddon } from "@xterm/addon-webgl";
import type { Terminal } from "@xterm/xterm";

const MAX_LOSSES = 2;

export class Renderer {
  readonly #terminal: Terminal;
  #addon: WebglAddon | null = null;
  #losses = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(): void {
    if (this.#addon !== null || this.#losses >= MAX_LOSSES) return;
    try {
      this.#attach(new WebglAddon());
    } catch {
      this.#losses = MAX_LOSSES; // no WebGL 2 here
      this.hide();
    }
  }

  hide(): void {
    const addon = this.#addon;
    this.#addon = null;
    addon?.dispose();
  }

  /** Draw all glyphs again, since the colours or the font changed. */
  renew(): void {
    this.#addon?.clearTextureAtlas();
  }

  #attach(addon: WebglAddon): void {
    this.#addon = addon;
    addon.onContextLoss(() => {
      this.#losses += 1;
      this.hide();
    });
    this.#terminal.loadAddon(addon);
  }
}
