/** That a node's two processes can do no more than each needs. */
import { fail, pass, type SecurityProbe, unknown, warn } from "./probe.js";

const NOT_SEEN =
  "which process listens at the sockets cannot be seen: run tsctl as root, in the daemon's network namespace";

export const separateUsers: SecurityProbe = {
  name: "separate users",
  describe: "agent and manager run as different users, the manager not as root",
  remedy: "run the manager by tswarm-manager.service, or give tswarmd a user for it that exists",
  probe: async ({ info, agent, manager }) => {
    if (!manager || !agent) return info?.controlAvailable ? unknown(NOT_SEEN) : undefined;
    if (manager.uid === 0) return fail(`the manager (process ${manager.pid}) runs as root`);
    if (manager.uid === agent.uid) return fail(`agent and manager both run as user ${agent.uid}`);
    return pass(`agent user ${agent.uid}, manager user ${manager.uid}`);
  },
};

export const noCapabilities: SecurityProbe = {
  name: "manager capabilities",
  describe: "the manager has no capabilities and can get none",
  remedy: "run the manager by tswarm-manager.service as it was installed, or by tswarmd",
  probe: async ({ info, manager }) => {
    if (!manager) return info?.controlAvailable ? unknown(NOT_SEEN) : undefined;
    const { capabilities, noNewPrivileges, pid } = manager;
    if (capabilities !== 0n) return fail(`process ${pid} has capabilities ${capabilities.toString(16)}`);
    if (!noNewPrivileges) return warn(`process ${pid} has none, but NoNewPrivs is not set`);
    return pass(`process ${pid} has none, and NoNewPrivs is set`);
  },
};
