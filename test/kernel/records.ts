/**
 * What each kernel ran and what it left to another: a line of JSON each, in a folder that all processes of a run share, the bed's too.
 */
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

export interface KernelRecord {
  readonly kernel: string;
  /** Path of the test file below build/, without the extension, and the test's title. */
  readonly file: string;
  readonly title: string;
  readonly outcome: "ran" | "left";
  readonly probe?: string;
  readonly reason?: string;
}

const FOLDER = process.env.TSWARM_KERNEL_RECORDS ?? "";
const KERNEL = process.env.TSWARM_KERNEL ?? "host";

export function recordsAreKept(): boolean {
  return FOLDER !== "";
}

/**
 * @param testFile URL of the compiled test file
 * @throws the error of fs when the record cannot be written: the test fails then
 */
export function recordOutcome(
  testFile: string,
  outcome: Pick<KernelRecord, "title" | "outcome" | "probe" | "reason">,
): void {
  if (!recordsAreKept()) return;
  const build = fileURLToPath(new URL("../../", import.meta.url));
  const file = relative(build, fileURLToPath(testFile)).replace(/\.test\.js$/, "");
  const record: KernelRecord = { kernel: KERNEL, file, ...outcome };
  appendFileSync(`${FOLDER}/${KERNEL}-${process.pid}.jsonl`, `${JSON.stringify(record)}\n`);
}

export function readRecords(folder: string): KernelRecord[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(`${folder}/${name}`, "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as KernelRecord);
}

/** Tests that some kernel left to another, and no kernel ran: file and title, and each kernel's reason. */
export function neverRun(records: readonly KernelRecord[]): string[] {
  const reasons = new Map<string, string[]>();
  const ran = new Set<string>();
  for (const { file, title, outcome, kernel, probe, reason } of records) {
    const key = `${file} › ${title}`;
    if (outcome === "ran") ran.add(key);
    else reasons.set(key, [...(reasons.get(key) ?? []), `${kernel} lacks ${probe} (${reason})`]);
  }
  return [...reasons].filter(([key]) => !ran.has(key)).map(([key, why]) => `${key}: ${why.join("; ")}`);
}
