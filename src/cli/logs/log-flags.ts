import type { Timestamp } from "../../api/generated/google/protobuf/timestamp.js";
import { TAIL_ALL, tailOf } from "../../api/logs/tail.js";
import { UsageError } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import type { Invocation } from "../invocation.js";
import { parseWhole } from "../values/amount.js";
import { parseSince } from "./since.js";

/** What the flags of the log commands come to. */
export interface LogFlags {
  readonly follow: boolean;
  /** As SwarmKit's number. */
  readonly tail: number;
  readonly since: Timestamp | undefined;
  readonly timestamps: boolean;
  readonly details: boolean;
  readonly withTaskIds: boolean;
  readonly isTruncated: boolean;
  /** Lines alone. */
  readonly isRaw: boolean;
}

/** @throws UsageError */
export function readLogFlags({ flags, settings, terminal }: Invocation): LogFlags {
  const reader = new FlagReader(flags);
  const isRaw = reader.isSet("--raw");
  if (isRaw && settings.format === "json") throw new UsageError("--raw: means nothing with --format json");
  return {
    follow: reader.isSet("--follow"),
    tail: reader.value("--tail", parseTail) ?? TAIL_ALL,
    since: reader.value("--since", (text, flag) => parseSince(text, flag, terminal.now())),
    timestamps: reader.isSet("--timestamps"),
    details: reader.isSet("--details"),
    // Flags of the kind --no-… are true unless they were given.
    withTaskIds: flags.taskIds !== false,
    isTruncated: flags.trunc !== false,
    isRaw,
  };
}

const MOST_LINES = 1_000_000_000;

function parseTail(text: string, flag: string): number {
  return text === "all" ? TAIL_ALL : tailOf(parseWhole(text, flag, 0, MOST_LINES));
}
