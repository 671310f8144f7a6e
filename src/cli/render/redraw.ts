import type { Terminal } from "../terminal.js";
import { cutTo } from "./table.js";

/** Lines at the bottom of a screen that are drawn again whenever they change. */
export class Redraw {
  #drawn: readonly string[] = [];

  constructor(private readonly terminal: Terminal) {}

  /** Long lines are cut: what wraps cannot be drawn over. */
  draw(lines: readonly string[]): void {
    const cut = lines.map((line) => cutTo(line, this.terminal.columns() - 1));
    if (cut.join("\n") === this.#drawn.join("\n")) return;
    const up = this.#drawn.length > 0 ? `\x1b[${this.#drawn.length}A` : "";
    const left = Math.max(0, this.#drawn.length - cut.length);
    const clear = left > 0 ? `${"\x1b[2K\n".repeat(left)}\x1b[${left}A` : "";
    this.terminal.writeError(`${up}${cut.map((line) => `\x1b[2K${line}\n`).join("")}${clear}`);
    this.#drawn = cut;
  }
}
