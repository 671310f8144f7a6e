/** What of the swarm's own settings matters for how safe it is. */
import { join } from "node:path";
import { parseJoinToken } from "../../../security/pki/join-token.js";
import { hasAutolock } from "../../cluster/list.js";
import { desiredRoot, isRotating } from "../../swarm/root-certificate.js";
import { assessRotation } from "../../swarm/rotation.js";
import { filesOpenToOthers, listed, octal, statOf } from "./files.js";
import { fail, pass, type SecurityProbe, unknown, warn } from "./probe.js";

export const logFiles: SecurityProbe = {
  name: "log and key files",
  describe: "the managers' log, its snapshots and their keys are readable for the manager's user alone",
  remedy:
    "chown -R them to the manager's user, chmod -R go= the folder; rotate the unlock key if others could read them",
  probe: async ({ info, manager }) => {
    const folder = info?.stateDir ? join(info.stateDir, "manager") : "";
    const stats = folder === "" ? undefined : statOf(folder);
    const raft = stats && statOf(join(folder, "raft"));
    if (!stats || !raft) return undefined;
    const { looked, faults } = filesOpenToOthers(join(folder, "raft"), manager?.uid ?? stats.uid);
    const all = (stats.mode & 0o027) === 0 ? faults : [`${folder} has mode ${octal(stats.mode)}`, ...faults];
    return all.length > 0 ? fail(listed(all)) : pass(`${looked} files below ${join(folder, "raft")}`);
  },
};

export const autolock: SecurityProbe = {
  name: "autolock",
  describe: "a stolen disk of a manager opens with the unlock key alone",
  remedy: '"tsctl update --autolock" locks managers; then each restart of one takes "tsctl unlock"',
  probe: async ({ swarm, swarmError }) => {
    if (!swarm) return swarmError === "" ? undefined : unknown(swarmError);
    return hasAutolock(swarm.cluster)
      ? pass("on")
      : warn("off: the key of the managers' log lies beside it, and so does the key of the root CA in it");
  },
};

export const rootRotation: SecurityProbe = {
  name: "root rotation",
  describe: "no node is left with certificates of an old root",
  remedy: 'bring the nodes that are waited for back, or remove them by "tsctl node rm --force"',
  probe: async ({ swarm }) => {
    if (!swarm) return undefined;
    if (!isRotating(swarm.cluster)) return pass("none in progress");
    const { certified, total, waitingFor } = assessRotation(swarm.cluster, swarm.nodes);
    const names = waitingFor.map((node) => node.description?.hostname || node.id);
    return warn(
      `in progress: ${certified} of ${total} nodes done${names.length > 0 ? `, waiting for ${listed(names)}` : ""}`,
    );
  },
};

export const joinTokens: SecurityProbe = {
  name: "join tokens",
  describe: "join tokens name the swarm's root, so that nodes join this swarm and no other",
  remedy: '"tsctl join-token --rotate worker" and "… manager" make new ones',
  probe: async ({ swarm }) => {
    const { worker = "", manager = "" } = swarm?.cluster.rootCa?.joinTokens ?? {};
    if (!swarm || worker === "" || isRotating(swarm.cluster)) return undefined;
    const { digest } = desiredRoot(swarm.cluster);
    const wrong = Object.entries({ worker, manager }).filter(([, token]) => parseJoinToken(token).digest !== digest);
    if (wrong.length > 0) return fail(`of another root: ${wrong.map(([role]) => role).join(", ")}`);
    return worker === manager ? fail("one token for both roles") : pass("both name the present root");
  },
};
