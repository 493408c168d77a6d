/** The terminal's colour palettes. Each is for a dark or for a light scheme. */

import type { ITheme } from "@xterm/xterm";

export type Scheme = "dark" | "light";

export interface Palette {
  readonly id: string;
  readonly name: string;
  readonly scheme: Scheme;
  readonly theme: ITheme;
}

/** The sixteen colours in the order of their numbers. */
function theme(background: string, foreground: string, cursor: string, selection: string, sixteen: string): ITheme {
  const [black, red, green, yellow, blue, magenta, cyan, white, ...bright] = sixteen.split(" ") as string[];
  const [brightBlack, brightRed, brightGreen, brightYellow, brightBlue, brightMagenta, brightCyan, brightWhite] = bright;
  const colours = {
    background, foreground, cursor, cursorAccent: background, selectionBackground: selection, overviewRulerBorder: "#00000000",
    scrollbarSliderBackground: `${foreground}40`, scrollbarSliderHoverBackground: `${foreground}66`, scrollbarSliderActiveBackground: `${foreground}80`,
    black, red, green, yellow, blue, magenta, cyan, white,
    brightBlack, brightRed, brightGreen, brightYellow, brightBlue, brightMagenta, brightCyan, brightWhite,
  };
  return colours as ITheme;
}

export const PALETTES: readonly Palette[] = [
  {
    id: "night", name: "Night", scheme: "dark",
    theme: theme("#0d1117", "#e3e9f1", "#79c0ff", "#2f5d8f99",
      "#3a424d #ff7b72 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #c9d1d9 #6e7f93 #ffa198 #7ee787 #f2cc60 #a5d6ff #e2c5ff #8be9ef #ffffff"),
  },
  {
    id: "day", name: "Day", scheme: "light",
    theme: theme("#ffffff", "#1b2129", "#0b62c4", "#9cc9ff99",
      "#24292f #b3261e #116329 #7a4d00 #0550ae #7a35c2 #0f6674 #57606a #4d5763 #a0111f #1a7f37 #6b4400 #0969da #8250df #1b7c83 #3c444d"),
  },
  {
    id: "gruvbox", name: "Gruvbox", scheme: "dark",
    theme: theme("#282828", "#ebdbb2", "#ebdbb2", "#66544499",
      "#3c3836 #fb4934 #b8bb26 #fabd2f #83a598 #d3869b #8ec07c #d5c4a1 #928374 #fb4934 #b8bb26 #fabd2f #83a598 #d3869b #8ec07c #fbf1c7"),
  },
  {
    id: "nord", name: "Nord", scheme: "dark",
    theme: theme("#2e3440", "#e5e9f0", "#d8dee9", "#5e81ac99",
      "#3b4252 #d57780 #a3be8c #ebcb8b #81a1c1 #b48ead #88c0d0 #e5e9f0 #7b88a1 #d57780 #a3be8c #ebcb8b #81a1c1 #b48ead #8fbcbb #eceff4"),
  },
  {
    id: "solarized-dark", name: "Solarized dark", scheme: "dark",
    theme: theme("#002b36", "#a9b7b8", "#93a1a1", "#1a6c7a99",
      "#073642 #e6524f #93a800 #c99a00 #3d9fe0 #e0569a #3fb5ab #eee8d5 #6f8a92 #f2776c #a9bf1f #dcb032 #62b4ee #9fa4ea #62cfc5 #fdf6e3"),
  },
  {
    id: "solarized-light", name: "Solarized light", scheme: "light",
    theme: theme("#fdf6e3", "#4a5f67", "#586e75", "#b9d5c899",
      "#073642 #c62e2b #5f6e00 #8a6800 #1d6fab #b82a70 #1f7a73 #6b7d80 #586e75 #b52420 #536000 #7a5b00 #17639a #5a5fb0 #176a64 #002b36"),
  },
  {
    id: "contrast", name: "High contrast", scheme: "dark",
    theme: theme("#000000", "#ffffff", "#ffff00", "#0066cccc",
      "#404040 #ff6060 #40ff40 #ffff40 #70b0ff #ff80ff #40ffff #ffffff #a0a0a0 #ff9090 #80ff80 #ffff90 #a0d0ff #ffb0ff #90ffff #ffffff"),
  },
];

/** Return a palette by its id; "auto" follows the scheme. */
export function paletteFor(id: string, scheme: Scheme): Palette {
  const chosen = PALETTES.find((palette) => palette.id === id);
  const fallback = PALETTES.find((palette) => palette.id === (scheme === "dark" ? "night" : "day"));
  return (chosen ?? fallback ?? PALETTES[0]) as Palette;
}
