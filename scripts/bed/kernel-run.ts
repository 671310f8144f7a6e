/** The kernel suites inside User-Mode Linux: what each test gave, as they give it on the host. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { kernelSuites } from "./kernel-suites.js";
import { parseTap, type TapReport } from "./tap.js";
import { runMachine } from "./user-mode-linux.js";

export interface KernelRun extends TapReport {
  readonly suites: readonly string[];
  /** Exit status of AVA; undefined when the machine ended first. */
  readonly status: number | undefined;
  readonly console: string;
}

export interface KernelRunOptions {
  readonly project: string;
  /** Test files; all kernel suites when absent. */
  readonly suites?: readonly string[];
  /** Where {@link file://../../test/kernel/records.ts} of the whole run gathers; none are kept when empty. */
  readonly records: string;
  readonly timeoutMs: number;
  /** Called about once a second while it runs. */
  readonly onProgress: (results: number, last: string) => void;
}

const MEMORY_MB = 2048;
/** Of AVA inside: one test may be silent for this long. */
const SILENCE = "8m";
const PROGRESS_MS = 1000;

export async function runKernelSuites(options: KernelRunOptions): Promise<KernelRun> {
  const { project } = options;
  const suites = options.suites ?? kernelSuites(project);
  removeAbandoned(project);
  const share = mkdtempSync(`${project}/build/bed-${process.pid}-`);
  const tapPath = `${share}/tap`;
  writeFileSync(tapPath, "");
  mkdirSync(`${share}/records`);
  // AVA keeps notes there; in the machine it is memory, but the folder must exist.
  mkdirSync(`${project}/node_modules/.cache`, { recursive: true });
  const progress = setInterval(() => {
    const { results } = parseTap(readFileSync(tapPath, "utf8"));
    options.onProgress(results.length, results.at(-1)?.title ?? "");
  }, PROGRESS_MS);
  try {
    const { status, console } = await runMachine({
      command: [
        "export TSWARM_KERNEL=uml TSWARM_KERNEL_RECORDS=/run/share/records CI=true",
        `${quote(process.execPath)} node_modules/ava/entrypoints/cli.mjs --tap --concurrency 1 --timeout ${SILENCE} ${suites.map(quote).join(" ")} >/run/share/tap`,
      ].join("\n"),
      share,
      project,
      memoryMb: MEMORY_MB,
      timeoutMs: options.timeoutMs,
    });
    if (options.records !== "") copyRecords(`${share}/records`, options.records);
    return { suites, status, console, ...parseTap(readFileSync(tapPath, "utf8")) };
  } finally {
    clearInterval(progress);
    rmSync(share, { recursive: true, force: true });
  }
}

/** Shares of runs that were killed. */
function removeAbandoned(project: string): void {
  for (const name of readdirSync(`${project}/build`)) {
    const pid = /^bed-(\d+)-/.exec(name)?.[1];
    if (pid && !existsSync(`/proc/${pid}`)) rmSync(`${project}/build/${name}`, { recursive: true, force: true });
  }
}

function copyRecords(from: string, to: string): void {
  for (const name of readdirSync(from)) copyFileSync(`${from}/${name}`, `${to}/${name}`);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
