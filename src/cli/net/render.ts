import type { NodeObservation, ObservedItem } from "../../api/generated/tswarm/v1/link.js";
import { type Column, renderTable, visible } from "../render/table.js";
import { isDrifted, itemState, nodeError, tally, tallyKinds, verdict } from "./drift.js";
import { contrast } from "./readable.js";

const RED = "\x1b[31m";
const GREEN = "\x1b[32m";
const BOLD = "\x1b[1m";
const PLAIN = "\x1b[0m";

/** Destinations, and DNS answers, of one node that are shown unless all are asked for. */
const MAX_ROWS = 40;

/** How much is shown, and how. */
export interface RenderOptions {
  /** Every object instead of a count for each kind. */
  readonly all: boolean;
  /** Values of any length as they are. */
  readonly full: boolean;
  readonly hasColour: boolean;
  /** Puts names for ids in a place or path. */
  readonly place: (text: string) => string;
}

/** Cells of a wanted or found value that a table shows. */
const VALUE_CELLS = 60;

function itemColumns(full: boolean): readonly Column<ObservedItem>[] {
  const values = ({ wanted, found }: ObservedItem) =>
    contrast(wanted, found, full ? Number.POSITIVE_INFINITY : VALUE_CELLS);
  return [
    { title: "", value: (item) => (isDrifted(item) ? "!" : "") },
    { title: "KIND", value: ({ kind }) => kind },
    { title: "PLACE", value: ({ place }) => place },
    { title: "KEY", value: ({ key }) => key },
    { title: "WANTED", value: (item) => values(item)[0] },
    { title: "FOUND", value: (item) => values(item)[1] },
    { title: "STATE", value: itemState },
  ];
}

const DESTINATION_COLUMNS: readonly Column<ObservedItem>[] = [
  { title: "DESTINATION", value: ({ key }) => key },
  { title: "PLACE", value: ({ place }) => place },
  { title: "WEIGHT", value: ({ weight }) => String(weight), align: "right" },
  { title: "CONNECTIONS", value: ({ connections }) => String(connections), align: "right" },
  { title: "STATE", value: itemState },
];

const DNS_COLUMNS: readonly Column<ObservedItem>[] = [
  { title: "DNS NAME", value: ({ key }) => key },
  { title: "PLACE", value: ({ place }) => place },
  { title: "ANSWER", value: ({ found }) => found },
  { title: "STATE", value: itemState },
];

/** The kernel's view of a network or service: node by node, and a verdict at the end. */
export function renderObservations(title: string, nodes: readonly NodeObservation[], options: RenderOptions): string {
  const colour = (code: string, text: string) => (options.hasColour ? `${code}${text}${PLAIN}` : text);
  const { drifted, silentNodes } = tally(nodes);
  const end = colour(drifted + silentNodes === 0 ? GREEN : RED, verdict(nodes));
  const pages = nodes.map((node) => renderNode(node, options, colour));
  return `${[`${colour(BOLD, visible(title))}\n`, ...pages].join("\n")}\n${end}\n`;
}

function renderNode(
  node: NodeObservation,
  options: RenderOptions,
  colour: (code: string, text: string) => string,
): string {
  const result = node.result;
  const name = node.hostname || node.nodeId;
  const error = nodeError(node);
  if (result === undefined) return `${colour(BOLD, visible(name))}: ${colour(RED, visible(error))}\n`;
  const items = result.items.map((item) => ({ ...item, place: options.place(item.place) }));
  const sums = sumOf(items);
  let text = `${colour(BOLD, visible(name))}: load balancer ${visible(result.loadBalancer || "none")}, packet filter ${visible(result.packetFilter || "none")}, `;
  text += `${sums.wanted} wanted, ${sums.present} present, ${sums.drifted} drifted\n`;
  if (error !== "") text += `  ${colour(RED, visible(error))}\n`;
  const paint = (line: string, item: ObservedItem) => (isDrifted(item) ? colour(RED, line) : line);
  const table = (columns: readonly Column<ObservedItem>[], items: readonly ObservedItem[]) =>
    items.length === 0 ? "" : `\n${renderTable(columns, items, { indent: 2, paint })}`;
  if (!options.all) text += renderKinds(items);
  text += table(itemColumns(options.full), options.all ? items : items.filter(isDrifted));
  const some = (columns: readonly Column<ObservedItem>[], items: readonly ObservedItem[]) =>
    options.all || items.length <= MAX_ROWS
      ? table(columns, items)
      : `${table(columns, items.slice(0, MAX_ROWS))}  and ${items.length - MAX_ROWS} more: --all shows them\n`;
  text += some(DESTINATION_COLUMNS, ofKind(items, "destination"));
  text += some(DNS_COLUMNS, ofKind(items, "dns"));
  if (result.paths.length > 0)
    text += `\n${result.paths.map((path) => `  path: ${visible(options.place(path))}\n`).join("")}`;
  return text;
}

function ofKind(items: readonly ObservedItem[], kind: string): readonly ObservedItem[] {
  return items.filter((item) => item.kind === kind);
}

function renderKinds(items: readonly ObservedItem[]): string {
  if (items.length === 0) return "";
  return renderTable(
    [
      { title: "KIND", value: ({ kind }) => kind },
      { title: "WANTED", value: ({ wanted }) => String(wanted), align: "right" },
      { title: "PRESENT", value: ({ present }) => String(present), align: "right" },
      { title: "DRIFTED", value: ({ drifted }) => String(drifted), align: "right" },
    ],
    tallyKinds(items),
    { indent: 2 },
  );
}

function sumOf(items: readonly ObservedItem[]) {
  return tallyKinds(items).reduce(
    (sum, kind) => ({
      wanted: sum.wanted + kind.wanted,
      present: sum.present + kind.present,
      drifted: sum.drifted + kind.drifted,
    }),
    { wanted: 0, present: 0, drifted: 0 },
  );
}
