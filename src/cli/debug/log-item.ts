/** One thing that stands in a manager's log folder, for people and as JSON. */
import type { LogItem } from "../../raft/storage/log-inspection.js";
import { formatSize } from "../values/amount.js";
import { changeText, type EntryView, viewEntry } from "./log-entry.js";

export type ItemView =
  | ({ readonly kind: "entry"; readonly file: string; readonly offset: number } & EntryView)
  | { readonly kind: "state"; readonly file: string; readonly offset: number; readonly text: string }
  | {
      readonly kind: "snapshot" | "segment" | "end" | "torn" | "damage" | "locked" | "other";
      readonly file: string;
      readonly offset: number;
      readonly text: string;
    };

/** An item may hold several entries. */
export function viewItem(item: LogItem): readonly ItemView[] {
  const { kind, file } = item;
  const at = (offset: number, text: string): readonly ItemView[] => [{ kind: kind as "segment", file, offset, text }];
  switch (item.kind) {
    case "record":
      return viewRecord(item);
    case "snapshot": {
      const { metadata, sizeBytes, chunks, keyId } = item;
      return at(
        0,
        `index ${metadata.index} term ${metadata.term}, ${formatSize(sizeBytes)} in ${chunks} parts, key ${keyId}`,
      );
    }
    case "segment":
      return at(
        0,
        `${formatSize(item.sizeBytes)}, key ${item.keyId}${item.state ? `, goes on after entry ${item.state.lastIndex}` : ""}`,
      );
    case "end":
      return at(item.offset, "nothing was written from here on");
    case "torn":
      return at(item.offset, `a write of ${item.bytes} bytes that was cut off: the next start drops it`);
    case "damage":
      return at(item.offset, item.reason);
    case "locked":
      return at(0, `sealed with key ${item.keyId || "?"}, which is not known`);
    case "other":
      return at(0, "no part of the log");
  }
}

function viewRecord({ file, offset, bytes, content }: Extract<LogItem, { kind: "record" }>): readonly ItemView[] {
  const state = (text: string): ItemView => ({ kind: "state", file, offset, text });
  if (!content) return [state(`a sealed record of ${bytes} bytes`)];
  const { restart, entries, hardState, identity, kept, mark } = content;
  return [
    ...(restart ? [state(`the log is empty and goes on after the snapshot of index ${restart.index}`)] : []),
    ...entries.map((entry): ItemView => ({ kind: "entry", file, offset, ...viewEntry(entry) })),
    ...(hardState
      ? [state(`term ${hardState.term}, vote ${hexadecimal(hardState.vote)}, commit ${hardState.commit}`)]
      : []),
    ...(identity ? [state(`the member's identity, ${identity.length} bytes`)] : []),
    ...(kept
      ? [
          state(
            `leans on the snapshot of index ${kept.snapshot.index}; segments before ${kept.firstSequence} are dropped`,
          ),
        ]
      : []),
    ...(mark ? [state(mark === "closed" ? "stopped in an orderly way" : "the next segment is begun")] : []),
  ];
}

/** As lines; those of what happened in a file are set in under it. */
export function itemText(view: ItemView): readonly string[] {
  if (view.kind !== "entry") {
    if (view.kind === "snapshot" || view.kind === "segment" || view.kind === "other")
      return [`${view.kind} ${view.file}: ${view.text}`];
    const name = view.kind === "state" ? "" : `${view.kind.toUpperCase()}: `;
    return [`  ${offsetText(view.offset)}  ${name}${view.text}`];
  }
  const lines = [...view.changes.map(changeText), ...view.notes];
  if (lines.length === 0) lines.push("empty: a new leader's first");
  const head = `  ${offsetText(view.offset)}  entry ${view.index} term ${view.term}`;
  return lines.length === 1
    ? [`${head}: ${lines[0]}`]
    : [`${head}:`, ...lines.map((line) => `${" ".repeat(14)}${line}`)];
}

function offsetText(offset: number): string {
  return String(offset).padStart(8);
}

function hexadecimal(id: string): string {
  return id === "0" ? "none" : BigInt(id).toString(16);
}
