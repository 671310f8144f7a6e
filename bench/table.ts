/** How every bench prints its figures: a name, the median, its spread, and the bar or floor that it stands beside. */
export interface Figure {
  readonly what: string;
  readonly value: string;
  readonly beside?: string;
}

export function printFigures(figures: readonly Figure[]): void {
  const rows = [
    ["what", "measured", "beside"],
    ...figures.map(({ what, value, beside }) => [what, value, beside ?? ""]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  rows.forEach((row, index) => {
    console.log(`| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`);
    if (index === 0) console.log(`|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`);
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** "12.3 (11.9–14.0)": the median and the range. */
export function spread(values: readonly number[], digits = 1): string {
  const least = Math.min(...values).toFixed(digits);
  const most = Math.max(...values).toFixed(digits);
  return `${median(values).toFixed(digits)} (${least}–${most})`;
}
