/**
 * Verdicts: `NFTA_DATA_VERDICT(2) { NFTA_VERDICT_CODE(1) i32 big endian, NFTA_VERDICT_CHAIN(2) string }`.
 */
import { NetlinkFormatError } from "../netlink/errors.js";
import { parseAttributes, readString, readU32be } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import type { Verdict } from "./expression.js";

export const NFTA_DATA_VALUE = 1;
export const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

const CODES: Readonly<Record<Verdict["kind"], number>> = {
  drop: 0,
  accept: 1,
  continue: -1,
  break: -2,
  jump: -3,
  goto: -4,
  return: -5,
};
const KINDS: ReadonlyMap<number, Verdict["kind"]> = new Map(
  Object.entries(CODES).map(([kind, code]) => [code, kind as Verdict["kind"]]),
);

/** Writes the data attribute's inside: the verdict itself. */
export function writeVerdict(writer: MessageWriter, verdict: Verdict): void {
  const mark = writer.nestBegin(NFTA_DATA_VERDICT);
  writer.attrU32be(NFTA_VERDICT_CODE, CODES[verdict.kind]);
  if (verdict.kind === "jump" || verdict.kind === "goto") writer.attrString(NFTA_VERDICT_CHAIN, verdict.chain);
  writer.nestEnd(mark);
}

/**
 * Reads the payload of NFTA_DATA_VERDICT.
 * @returns undefined for a code that is not in {@link Verdict}
 * @throws NetlinkFormatError
 */
export function parseVerdict(payload: Buffer): Verdict | undefined {
  const attributes = parseAttributes(payload);
  const code = attributes.get(NFTA_VERDICT_CODE);
  if (!code) throw new NetlinkFormatError("a verdict without a code");
  const kind = KINDS.get(readU32be(code) | 0);
  if (kind === undefined) return undefined;
  if (kind !== "jump" && kind !== "goto") return { kind };
  const chain = attributes.get(NFTA_VERDICT_CHAIN);
  if (!chain) throw new NetlinkFormatError(`a ${kind} verdict without a chain`);
  return { kind, chain: readString(chain) };
}
