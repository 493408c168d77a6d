/** A fake shell, with what views have to handle: floods, the alternate screen, the mouse, queries. */

const PROMPT = "\u001b[1;32mworkshop\u001b[0m:\u001b[1;34m~/mobifai\u001b[0m$ ";
const HELP = "Try: colors, ls, flood MB, lines N, alt, mouse, title TEXT, bell, link, osc52, query, cjk, exit.";

export class FakeShell {
  readonly #print: (data: string) => boolean;
  readonly #exit: () => void;
  #line = "";
  #size = { cols: 80, rows: 24 };
  #flood = 0;
  #alternate = false;
  #over = false;

  /** `print` returns false when the shell must wait for `resume`. */
  constructor(print: (data: string) => boolean, exit: () => void) {
    this.#print = print;
    this.#exit = exit;
  }

  start(): void {
    this.#print(`MobiFai, a fake shell. ${HELP}\r\n\u001b[?2004h${PROMPT}`);
  }

  end(): void {
    this.#over = true;
    this.#flood = 0;
  }

  resize(cols: number, rows: number): void {
    this.#size = { cols, rows };
    if (this.#alternate) this.#drawAlternate("resized");
  }

  input(data: string): void {
    if (this.#over) return;
    if (data.includes("\u0003")) return this.#interrupt();
    if (this.#alternate) return data === "q" ? this.#leaveAlternate() : this.#drawAlternate(visible(data));
    if (data.startsWith("\u001b[200~")) data = data.slice(6).replace(/\u001b\[201~$/, "");
    if (data.startsWith("\u001b")) return void this.#print(visible(data));
    for (const character of data) this.#character(character);
  }

  resume(): void {
    if (this.#flood > 0) setTimeout(() => this.#pour());
  }

  #interrupt(): void {
    this.#flood = 0;
    if (this.#alternate) this.#leaveAlternate();
    this.#line = "";
    this.#print(`^C\r\n\u001b[?1000l\u001b[?1006l${PROMPT}`);
  }

  #character(character: string): void {
    if (character === "\r") return this.#run();
    if (character === "\u007f") {
      if (this.#line === "") return;
      this.#line = Array.from(this.#line).slice(0, -1).join("");
      return void this.#print("\b \b");
    }
    if (character < " ") return void this.#print(visible(character));
    this.#line += character;
    this.#print(character);
  }

  #run(): void {
    const [command = "", ...given] = this.#line.trim().split(" ");
    this.#line = "";
    this.#print("\r\n");
    const said = this.#command(command, given.join(" "));
    if (said !== null) this.#print(`${said}${said === "" ? "" : "\r\n"}${PROMPT}`);
  }

  #command(command: string, given: string): string | null {
    switch (command) {
      case "": return "";
      case "flood": return this.#startFlood(Number(given || "50"));
      case "lines": return Array.from({ length: Number(given || "200") }, (_, line) => `line ${line + 1} of the lines`).join("\r\n");
      case "alt": return this.#enterAlternate("");
      case "mouse": return this.#enterAlternate("\u001b[?1000h\u001b[?1006h");
      case "title": return `\u001b]0;${given}\u0007titled`;
      case "bell": return "\u0007rang";
      case "link": return "See https://example.org/a/long/path?with=query and \u001b]8;;https://user@evil.example/\u001b\\a name for a link\u001b]8;;\u001b\\.";
      case "osc52": return `\u001b]52;c;${btoa("from the program")}\u0007offered`;
      case "query": return "\u001b[c\u001b[6n\u001b[?1004h\u001b]10;?\u0007asked";
      case "cjk": return "漢字かな交じり文 · 한국어 · 🙂👩‍👩‍👧 · naïve Ünïcödé";
      case "colors": return colours();
      case "ls": return "\u001b[1;34mbuild\u001b[0m  \u001b[1;34mdocs\u001b[0m  \u001b[1;34mpage\u001b[0m  README.md  \u001b[1;32mrun.sh\u001b[0m";
      case "exit": return this.#leave();
      case "help": return HELP;
      default: return `${command}: command not found`;
    }
  }

  #leave(): null {
    setTimeout(() => this.#exit());
    return null;
  }

  #startFlood(megabytes: number): null {
    this.#flood = megabytes * 1_000_000;
    this.#pour();
    return null;
  }

  #pour(): void {
    if (this.#flood === 0) return;
    while (this.#flood > 0) {
      const line = `${this.#flood} \u001b[3${this.#flood % 8}mthe quick brown fox jumps over the lazy dog\u001b[0m\r\n`;
      const block = line.repeat(Math.min(200, Math.ceil(this.#flood / line.length)));
      this.#flood = Math.max(0, this.#flood - block.length);
      if (!this.#print(block)) return;
    }
    this.#print(PROMPT);
  }

  #enterAlternate(modes: string): null {
    this.#alternate = true;
    this.#print(`\u001b[?1049h\u001b[?1h${modes}`);
    this.#drawAlternate("q leaves");
    return null;
  }

  #leaveAlternate(): void {
    this.#alternate = false;
    this.#print(`\u001b[?1000l\u001b[?1006l\u001b[?1l\u001b[?1049l${PROMPT}`);
  }

  #drawAlternate(said: string): void {
    const { cols, rows } = this.#size;
    const lines = Array.from({ length: rows - 1 }, (_, row) => `${row + 1} ~`.slice(0, cols));
    this.#print(`\u001b[H\u001b[2J${lines.join("\r\n")}\r\n\u001b[7m ${said.slice(0, cols - 2).padEnd(cols - 2)} \u001b[0m`);
  }
}

function visible(data: string): string {
  return data.replace(/\u001b/g, "^[").replace(/[\u0000-\u001f]/g, (control) => `^${String.fromCharCode(control.charCodeAt(0) + 64)}`);
}

function colours(): string {
  const row = (from: number): string => Array.from({ length: 8 }, (_, index) => `\u001b[${from + index}m  ${from + index} \u001b[0m`).join("");
  const ramp = Array.from({ length: 36 }, (_, step) => `\u001b[48;2;${255 - step * 7};${step * 7};140m \u001b[0m`).join("");
  return [row(30), row(90), row(40), row(100), ramp, "┌──┬──┐ \u001b[1mbold\u001b[0m", "│▒▒│██│ \u001b[3mitalic\u001b[0m", "└──┴──┘ \u001b[4munderlined\u001b[0m"].join("\r\n");
}
