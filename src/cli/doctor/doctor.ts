import { release } from "node:os";
import { CommandError, ExitCode } from "../failure.js";
import type { Action, Invocation } from "../invocation.js";
import { listNodes } from "../objects.js";
import { printJson } from "../render/list.js";
import { renderSections } from "../render/sections.js";
import { type Column, renderTable } from "../render/table.js";
import { type Check, judge } from "./verdict.js";

const COLUMNS: readonly Column<Check>[] = [
  { title: "FEATURE", value: ({ name }) => name },
  { title: "HERE", value: ({ state }) => state },
  { title: "NEEDED FOR", value: ({ need }) => need },
  { title: "KERNEL", value: ({ minimumKernel }) => minimumKernel },
  { title: "WHAT IT IS", value: ({ describe }) => describe },
  { title: "WHY NOT", value: ({ state, reason }) => (state === "yes" ? "" : reason) },
];

/** `tsctl doctor`: ends with status 1 when this host cannot be a node; a daemon that is away is told, and no failure. */
export const doctor: Action = async (invocation) => {
  const checks = await probe(invocation);
  const { usable, text } = judge(checks);
  const daemon = await lookAtDaemon(invocation);
  const host = { kernel: release(), node: process.version, user: process.getuid?.() ?? -1 };
  if (invocation.settings.format === "json") {
    printJson(invocation, { host, checks, daemon, usable, verdict: text });
  } else {
    invocation.terminal.write(
      `${renderSections([
        ["Kernel", host.kernel],
        ["Node.js", host.node],
        ["User", host.user === 0 ? "root" : `${host.user}: without root, little can be probed`],
        ["tswarmd", daemon.error === "" ? `answers at ${daemon.socket}` : daemon.error],
      ])}\n${renderTable(COLUMNS, checks)}\n${text}\n`,
    );
  }
  return usable ? ExitCode.success : ExitCode.failure;
};

/** The native bindings are loaded here and nowhere else in tsctl: loading them takes long, and may fail on its own. */
async function probe({ terminal }: Invocation): Promise<Check[]> {
  let runChecks: typeof import("./checks.js").runChecks;
  try {
    ({ runChecks } = await import("./checks.js"));
  } catch (error) {
    throw new CommandError(
      `the native bindings cannot be loaded, so nothing can be probed: ${(error as Error).message}`,
    );
  }
  return runChecks(terminal.env.PATH ?? "");
}

async function lookAtDaemon(invocation: Invocation): Promise<{ readonly socket: string; readonly error: string }> {
  const connection = await invocation.connect();
  try {
    await listNodes(connection);
    return { socket: connection.address, error: "" };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { socket: connection.address, error: error.message };
  }
}
