import { displayWidth, visible } from "./table.js";

/** What is known of one object: a named value, a list of values, or named values below a heading. */
export type Section = readonly [name: string, value: string | readonly string[] | readonly Section[]];

/** Draws one object as `Name: value` lines, aligned; empty values and lists are left out. */
export function renderSections(sections: readonly Section[], indent = 0): string {
  const shown = sections.filter(([, value]) => value.length > 0);
  const width = Math.max(0, ...shown.map(([name, value]) => (typeof value === "string" ? displayWidth(name) : 0)));
  const margin = " ".repeat(indent);
  let text = "";
  for (const [name, value] of shown) {
    if (typeof value === "string") {
      text += `${margin}${name}:${" ".repeat(width - displayWidth(name) + 2)}${visible(value)}\n`;
    } else if (isTexts(value)) {
      text += `${margin}${name}:\n${value.map((line) => `${margin}  ${visible(line)}\n`).join("")}`;
    } else {
      const inner = renderSections(value, indent + 2);
      if (inner !== "") text += `${margin}${name}:\n${inner}`;
    }
  }
  return text;
}

function isTexts(value: readonly string[] | readonly Section[]): value is readonly string[] {
  return typeof value[0] === "string";
}
