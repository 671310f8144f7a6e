/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: "left" | "right";
}

/** Cells between columns. */
const GAP = 3;

/**
 * Draws rows under a header, columns aligned by what a terminal shows (wide characters count two cells). An empty list
 * leaves the header alone.
 * @param paint colours a whole line of the table, for example a drifted one
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: { readonly indent?: number; readonly paint?: (line: string, row: Row) => string } = {},
): string {
  const cells = rows.map((row) => columns.map((column) => visible(column.value(row))));
  const widths = columns.map((column, at) =>
    Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[at]!))),
  );
  const line = (texts: readonly string[]) =>
    (
      " ".repeat(options.indent ?? 0) +
      texts.map((text, at) => pad(text, widths[at]!, columns[at]!)).join(" ".repeat(GAP))
    ).trimEnd();
  const lines = [line(columns.map(({ title }) => title))];
  for (const [at, row] of rows.entries()) {
    const text = line(cells[at]!);
    lines.push(options.paint ? options.paint(text, row) : text);
  }
  return `${lines.join("\n")}\n`;
}

function pad(text: string, width: number, column: { readonly align?: "left" | "right" }): string {
  const fill = " ".repeat(width - displayWidth(text));
  return column.align === "right" ? fill + text : text + fill;
}

/** Shows control characters instead of sending them to the terminal: a server's text must not move the cursor. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\t\r\n]+/g, " ").replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** How many cells of a terminal a text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (NO_WIDTH.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** Cuts a text to a number of cells, with an ellipsis where something was cut. */
export function cutTo(text: string, cells: number): string {
  if (displayWidth(text) <= cells) return text;
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += displayWidth(character);
    if (width > cells - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
