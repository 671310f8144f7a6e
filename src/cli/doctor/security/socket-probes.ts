/** Who on this host may open the sockets, and what is open to other hosts. */
import { dirname } from "node:path";
import { listed, octal, statOf } from "./files.js";
import { fail, pass, type SecurityProbe, unknown, warn } from "./probe.js";

export const socketModes: SecurityProbe = {
  name: "local sockets",
  describe: "who may open a socket controls the node or the swarm, so nobody else may",
  remedy:
    "chmod 600 tswarmd.sock, chmod 660 swarmd.sock and agent.sock, chmod 750 the manager's folder; restart tswarmd to have it done",
  probe: async ({ sockets }) => {
    const rules = [
      { path: sockets.node, others: 0o077 },
      { path: sockets.control, others: 0o007 },
      { path: sockets.support, others: 0o007 },
    ];
    const faults: string[] = [];
    const found: string[] = [];
    for (const { path, others } of rules) {
      const stats = statOf(path);
      if (!stats) continue;
      const folder = statOf(dirname(path));
      // Who may not enter the folder cannot open what is in it.
      const isShut = folder !== undefined && (folder.mode & others & 0o011) === 0;
      found.push(`${path} ${octal(stats.mode)}`);
      if ((stats.mode & others) !== 0 && !isShut) faults.push(`${path} has mode ${octal(stats.mode)}`);
    }
    if (found.length === 0) return undefined;
    return faults.length > 0 ? fail(listed(faults)) : pass(found.join(", "));
  },
};

export const listeners: SecurityProbe = {
  name: "listen addresses",
  describe: "the manager's port alone is open to other hosts",
  remedy: "start tswarmd and the manager without further listeners, or shut their ports in the host's firewall",
  probe: async ({ info, agent, manager }) => {
    if (!info || (!agent && !manager))
      return info ? unknown("the processes cannot be seen: run tsctl as root") : undefined;
    const ofAgent = (agent?.listeners ?? []).filter(isOpen);
    const ofManager = (manager?.listeners ?? []).filter(isOpen);
    if (ofAgent.length > 0) return warn(`the agent listens at ${ofAgent.join(", ")}`);
    if (ofManager.length > 1) return warn(`the manager listens at ${ofManager.join(", ")}`);
    return pass(ofManager.length === 0 ? "none" : `the manager's ${ofManager[0]}`);
  },
};

function isOpen(address: string): boolean {
  return !/^(127\.|\[0:0:0:0:0:0:0:1\])/.test(address);
}

export const strangersRefused: SecurityProbe = {
  name: "strangers",
  describe: "the manager refuses who has no certificate",
  remedy: "this must not be: stop the manager, and report it",
  probe: async ({ info, manager, ask }) => {
    const at = manager?.listeners[0] ?? "";
    if (!info?.controlAvailable || at === "") return undefined;
    const address = at.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
    const { outcome, reason } = await ask(address, "nodes", "nobody");
    if (outcome === "answered") return fail(`${address} shows the nodes of the swarm to anybody`);
    return outcome === "refused" ? pass(`${address}: ${reason}`) : unknown(`${address}: ${reason}`);
  },
};
