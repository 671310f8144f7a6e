/** Text for man(7). */

/** Special characters as man shows them: a hyphen that can be copied, and no line that roff takes for its own. */
export function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(['.])/gm, "\\&$1");
}

export const bold = (text: string): string => `\\fB${escaped(text)}\\fR`;

export interface PageHead {
  readonly name: string;
  readonly section: 1 | 8;
  readonly version: string;
}

/** A page: its head, and sections in order. No date: the same sources give the same bytes. */
export function page({ name, section, version }: PageHead, sections: readonly (readonly [string, string])[]): string {
  const title = `.TH ${name.toUpperCase()} ${section} "" "tswarm ${version}" "tswarm"\n`;
  return title + sections.map(([heading, body]) => `.SH ${heading}\n${body.trimEnd()}\n`).join("");
}

/** What a flag is, and what it means. */
export function definition(term: string, meaning: string): string {
  return `.TP\n${bold(term)}\n${escaped(meaning)}\n`;
}

/** Lines as they are. */
export function literal(lines: readonly string[]): string {
  return `.PP\n.nf\n.RS 4\n${lines.map(escaped).join("\n")}\n.RE\n.fi\n`;
}
