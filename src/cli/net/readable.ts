import { cutTo, displayWidth, visible } from "../render/table.js";

/**
 * Puts names for ids in the places and paths that nodes tell: a network's id becomes `network shop`, a task's full name
 * `web.2.ID` its short one, a node's id its hostname.
 */
export function readablePlace(names: {
  readonly networks: ReadonlyMap<string, string>;
  readonly nodes: ReadonlyMap<string, string>;
}): (text: string) => string {
  return (text) =>
    text
      .replace(/([A-Za-z0-9_-]+\.(?:\d+|[0-9a-z]{25}))\.[0-9a-z]{25}(?![0-9a-z])/g, "$1")
      .replace(/(?<![0-9a-z])[0-9a-z]{25}(?![0-9a-z])/g, (id) => {
        const network = names.networks.get(id);
        return network === undefined ? (names.nodes.get(id) ?? id) : `network ${network}`;
      });
}

/**
 * Cuts what is wanted and what is found to a width, so that where they differ stays in sight: attributes that agree go first.
 * @param cells the width of each; Infinity keeps all
 */
export function contrast(wanted: string, found: string, cells: number): readonly [wanted: string, found: string] {
  const [left, right] = [visible(wanted), visible(found)];
  if (Math.max(displayWidth(left), displayWidth(right)) <= cells) return [left, right];
  if (left === right || left === "" || right === "") return [cutTo(left, cells), cutTo(right, cells)];
  let same = 0;
  while (left[same] === right[same]) same += 1;
  const from = left.lastIndexOf(" ", same) + 1;
  const tail = (text: string) => cutTo(from === 0 ? text : `…${text.slice(from)}`, cells);
  return [tail(left), tail(right)];
}
