import { NodeSpec_Availability as Availability, ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { InitClusterRequest, LocalNodeService } from "../../api/generated/tswarm/v1/node.js";
import { unlockAdvice } from "../cluster/unlock-key.js";
import { UsageError } from "../failure.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { printJson } from "../render/list.js";
import { parseCidr } from "../values/address.js";
import { parseWhole } from "../values/amount.js";
import { parseAvailability } from "./availability.js";
import { isEmpty, readClusterSettings, withSettings } from "./cluster-settings.js";
import { joinAdvice } from "./join-advice.js";
import { becomeMember } from "./member-already.js";

/** `tsctl init` */
export const init: Action = async (invocation) => {
  const request = readRequest(invocation.flags);
  const node = await invocation.connectNode();
  const begun = await becomeMember(node, () =>
    node.call(LocalNodeService.init, request, invocation.settings.longTimeoutMs),
  );
  if (invocation.settings.format === "json") {
    printJson(invocation, begun);
    return undefined;
  }
  const { nodeId, managerAddr, workerJoinToken, unlockKey } = begun;
  invocation.terminal.write(
    `Swarm initialized: current node (${nodeId}) is now a manager.\n\n${joinAdvice("worker", workerJoinToken, managerAddr)}` +
      "To add a manager to this swarm, run 'tsctl join-token manager' and follow the instructions.\n\n",
  );
  if (unlockKey !== "") invocation.terminal.write(unlockAdvice(unlockKey));
  return undefined;
};

/** @throws UsageError */
function readRequest(values: Readonly<Record<string, unknown>>): InitClusterRequest {
  const flags = new FlagReader(values);
  const settings = { ...readClusterSettings(flags), ...(flags.isSet("--autolock") ? { autolock: true } : {}) };
  return InitClusterRequest.fromPartial({
    advertiseAddr: flags.value("--advertise-addr", nonEmpty) ?? "",
    listenAddr: flags.value("--listen-addr", nonEmpty) ?? "",
    dataPathAddr: flags.value("--data-path-addr", nonEmpty) ?? "",
    dataPathPort: flags.value("--data-path-port", parseDataPathPort) ?? 0,
    defaultAddrPool: flags.texts("--default-addr-pool").flatMap((text) => text.split(",").map(parsePool)),
    defaultAddrPoolMaskLength:
      flags.value("--default-addr-pool-mask-length", (text, flag) => parseWhole(text, flag, 1, 32)) ?? 0,
    availability: flags.value("--availability", parseAvailability) ?? Availability.ACTIVE,
    forceNewCluster: flags.isSet("--force-new-cluster"),
    ...(isEmpty(settings) ? {} : { spec: withSettings(ClusterSpec.fromPartial({}), settings) }),
  });
}

/** @throws UsageError */
function parsePool(text: string): string {
  return parseCidr(text.trim(), "--default-addr-pool").text;
}

/** 0: the default. @throws UsageError */
function parseDataPathPort(text: string, flag: string): number {
  const port = parseWhole(text, flag);
  if (port !== 0 && (port < 1024 || port > 49_151))
    throw new UsageError(`${flag}: "${text}" is not a port from 1024 to 49151, or 0 for 4789`);
  return port;
}
