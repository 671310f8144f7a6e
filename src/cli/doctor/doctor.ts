import { release } from "node:os";
import { LocalNodeState, type NodeInfoResponse } from "../../api/generated/tswarm/v1/node.js";
import { CommandError, ExitCode } from "../failure.js";
import type { Action, Invocation } from "../invocation.js";
import { listNodes } from "../objects.js";
import { printJson } from "../render/list.js";
import { renderSections } from "../render/sections.js";
import { type Column, renderTable } from "../render/table.js";
import { formatSocketAddress } from "../socket-address.js";
import { runProbes, type SecurityResult } from "./security/probe.js";
import { type Check, judge } from "./verdict.js";

const COLUMNS: readonly Column<Check>[] = [
  { title: "FEATURE", value: ({ name }) => name },
  { title: "HERE", value: ({ state }) => state },
  { title: "NEEDED FOR", value: ({ need }) => need },
  { title: "KERNEL", value: ({ minimumKernel }) => minimumKernel },
  { title: "WHAT IT IS", value: ({ describe }) => describe },
  { title: "WHY NOT", value: ({ state, reason }) => (state === "yes" ? "" : reason) },
];

const SECURITY_COLUMNS: readonly Column<SecurityResult>[] = [
  { title: "SECURITY", value: ({ name }) => name },
  { title: "RESULT", value: ({ state }) => state },
  { title: "FOUND", value: ({ reason }) => reason },
];

/**
 * `tsctl doctor`: ends with status 1 when this host cannot be a node, or stands open where it must not; a daemon that is away is told,
 * and no failure.
 */
export const doctor: Action = async (invocation) => {
  const checks = await probe(invocation);
  const { usable, text } = judge(checks);
  const { info, daemon } = await lookAtDaemon(invocation);
  const security = await lookAtSecurity(invocation, info);
  const failed = security.filter(({ state }) => state === "fail");
  const host = { kernel: release(), node: process.version, user: process.getuid?.() ?? -1 };
  if (invocation.settings.format === "json") {
    printJson(invocation, { host, checks, daemon, usable, verdict: text, security, secure: failed.length === 0 });
  } else {
    invocation.terminal.write(
      `${renderSections([
        ["Kernel", host.kernel],
        ["Node.js", host.node],
        ["User", host.user === 0 ? "root" : `${host.user}: without root, little can be probed`],
        ["tswarmd", daemon.error === "" ? `answers at ${daemon.socket}${daemon.state}` : daemon.error],
      ])}\n${renderTable(COLUMNS, checks)}\n${text}\n`,
    );
    if (security.length > 0)
      invocation.terminal.write(`\n${renderTable(SECURITY_COLUMNS, security)}${remedies(security)}`);
  }
  return usable && failed.length === 0 ? ExitCode.success : ExitCode.failure;
};

/** What to do, a line for each that does not pass. */
function remedies(security: readonly SecurityResult[]): string {
  const open = security.filter(({ state }) => state === "fail" || state === "warn");
  if (open.length === 0) return "\nnothing that was looked at stands open\n";
  return `\n${renderSections([["What to do", open.map(({ name, state, remedy }) => `${name} (${state}): ${remedy}`)]])}`;
}

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

interface Daemon {
  readonly socket: string;
  /** Empty when it is not known. */
  readonly state: string;
  readonly error: string;
}

/** The daemon of this node; where there is none, a manager that is reached by itself. */
async function lookAtDaemon(
  invocation: Invocation,
): Promise<{ readonly info: NodeInfoResponse | undefined; readonly daemon: Daemon }> {
  const { socket } = invocation.settings;
  if (socket.kind === "unix") {
    try {
      const { nodeInfo } = await import("./security/this-node.js");
      const node = await invocation.connectNode();
      const info = await nodeInfo(invocation);
      const state = (LocalNodeState[info.state] ?? "unknown").replace("NODE_", "").toLowerCase();
      return { info, daemon: { socket: node.address, state: `: ${state}`, error: "" } };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
  try {
    const connection = await invocation.connect();
    await listNodes(connection);
    return { info: undefined, daemon: { socket: connection.address, state: "", error: "" } };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { info: undefined, daemon: { socket: formatSocketAddress(socket), state: "", error: error.message } };
  }
}

async function lookAtSecurity(invocation: Invocation, info: NodeInfoResponse | undefined): Promise<SecurityResult[]> {
  if (invocation.settings.socket.kind !== "unix") return [];
  const [{ thisNode }, { SECURITY_PROBES }] = await Promise.all([
    import("./security/this-node.js"),
    import("./security/probes.js"),
  ]);
  return runProbes(SECURITY_PROBES, await thisNode(invocation, info));
}
