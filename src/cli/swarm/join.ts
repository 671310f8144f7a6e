import { setTimeout as sleep } from "node:timers/promises";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { JoinRequest, LocalNodeService } from "../../api/generated/tswarm/v1/node.js";
import { type Connection, TimeoutError } from "../connection.js";
import { CommandError, ExitCode } from "../failure.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { printJson } from "../render/list.js";
import { visible } from "../render/table.js";
import type { Terminal } from "../terminal.js";
import { parseAvailability } from "./availability.js";
import { readJoinToken } from "./join-token-source.js";
import { parseManagers } from "./manager-address.js";
import { becomeMember } from "./member-already.js";

/** Between two looks at how the joining goes. */
const LOOK_MS = 500;
/** Without news for so long it is said that it goes on. */
const PATIENCE_MS = 3000;
const GOES_ON = 'the daemon may still be trying, "tsctl info" shows whether the node has joined';

/** `tsctl join HOST:PORT…` */
export const join: Action = async (invocation) => {
  const { terminal, settings } = invocation;
  const flags = new FlagReader(invocation.flags);
  const request = JoinRequest.fromPartial({
    remoteAddrs: parseManagers(invocation.args),
    advertiseAddr: flags.value("--advertise-addr", nonEmpty) ?? "",
    listenAddr: flags.value("--listen-addr", nonEmpty) ?? "",
    dataPathAddr: flags.value("--data-path-addr", nonEmpty) ?? "",
    availability: flags.value("--availability", parseAvailability) ?? Availability.ACTIVE,
    // Last: a token may have to be typed.
    joinToken: await readJoinToken(flags, terminal),
  });
  const node = await invocation.connectNode();
  const ended = new AbortController();
  const interrupted = new Promise<"interrupted">((resolve) => {
    const restore = terminal.onInterrupt(() => resolve("interrupted"));
    ended.signal.addEventListener("abort", restore);
  });
  try {
    const joining = becomeMember(node, () => node.call(LocalNodeService.join, request, settings.longTimeoutMs));
    tellProgress(terminal, node, ended.signal).catch(() => undefined);
    const joined = await Promise.race([joining, interrupted]);
    if (joined === "interrupted") {
      terminal.writeError(`no longer waiting: ${GOES_ON}\n`);
      return ExitCode.interrupted;
    }
    const role = joined.role === NodeRole.MANAGER ? "manager" : "worker";
    if (settings.format === "json") printJson(invocation, { nodeId: joined.nodeId, role });
    else terminal.write(`This node joined a swarm as a ${role}.\n`);
    return undefined;
  } catch (error) {
    if (error instanceof TimeoutError) throw new CommandError(`Timeout was reached before node joined; ${GOES_ON}`);
    throw error;
  } finally {
    ended.abort();
  }
};

/** Says what the joining waits for, each thing once. Whether it fails is for the call itself to tell. */
async function tellProgress(terminal: Terminal, node: Connection, signal: AbortSignal): Promise<void> {
  const beganMs = terminal.now();
  let told = "";
  for (;;) {
    await sleep(LOOK_MS, undefined, { signal });
    const { error } = await node.call(LocalNodeService.info, {});
    if (signal.aborted) return;
    const line = error === "" ? "joining" : `joining: ${error}`;
    if (line === told || (error === "" && terminal.now() - beganMs < PATIENCE_MS)) continue;
    terminal.writeError(`${visible(line)}\n`);
    told = line;
  }
}
