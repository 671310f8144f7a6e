import { UsageError } from "../failure.js";
import type { Invocation } from "../invocation.js";
import { type Column, renderTable } from "./table.js";

/** What a list command shows, in each of its forms. */
export interface List<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly id: (row: Row) => string;
  /** One element of the JSON array; its keys are documented and stay. */
  readonly json: (row: Row) => Record<string, unknown>;
}

/** Prints a list: ids with --quiet, a JSON array, or a table. */
export function printList<Row>(invocation: Invocation, list: List<Row>): void {
  const { terminal, settings, flags } = invocation;
  if (flags.quiet === true) {
    if (settings.format === "json") throw new UsageError("--quiet prints bare ids: leave out --format json");
    terminal.write(list.rows.map((row) => `${list.id(row)}\n`).join(""));
  } else if (settings.format === "json") {
    printJson(invocation, list.rows.map(list.json));
  } else {
    terminal.write(renderTable(list.columns, list.rows));
  }
}

export function printJson(invocation: Invocation, value: unknown): void {
  invocation.terminal.write(`${JSON.stringify(value, null, 2)}\n`);
}

const SHORT_ID_LENGTH = 12;

/** As many characters of an id as a table shows: enough to name the object, it resolves by its prefix. */
export function shortId(invocation: Invocation, id: string): string {
  return invocation.flags.trunc === false ? id : id.slice(0, SHORT_ID_LENGTH);
}
