/** What the demo says, with the time since it began. */
export class Stage {
  readonly #out: NodeJS.WritableStream;
  readonly #started = performance.now();
  readonly #failures: string[] = [];
  #titles = 0;

  constructor(out: NodeJS.WritableStream) {
    this.#out = out;
  }

  title(text: string): void {
    this.#titles++;
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    this.say(`\n── ${this.#titles}. ${text} ${"─".repeat(Math.max(2, 88 - text.length))} ${seconds} s`);
  }

  say(text: string): void {
    this.#out.write(`${text}\n`);
  }

  command(line: string, output: string): void {
    this.say(`$ ${line}`);
    this.say(output.trimEnd());
  }

  /** A promise of the product, kept or not. */
  check(text: string, kept: boolean): void {
    this.say(`  ${kept ? "✓" : "✗"} ${text}`);
    if (!kept) this.#failures.push(text);
  }

  /** Says how it went and sets the exit status. */
  summary(): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    if (this.#failures.length === 0) {
      this.say(`\nEverything held, in ${seconds} s.`);
      return;
    }
    this.say(`\n${this.#failures.length} promises were not kept:`);
    for (const failure of this.#failures) this.say(`  ✗ ${failure}`);
    process.exitCode = 1;
  }
}
