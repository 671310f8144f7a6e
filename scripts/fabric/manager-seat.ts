/** What a manager's program needs of the daemon beside it, for managers that run without one. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { joinCluster } from "../../src/daemon/identity/join-cluster.js";
import { renewCertificate } from "../../src/daemon/identity/renew-certificate.js";
import { type LocalServer, serveLocally } from "../../src/daemon/local-server.js";
import { managerSupportService } from "../../src/daemon/manager-support.js";
import { randomId } from "../../src/daemon/state-directory.js";
import { TlsIdentity } from "../../src/security/tls/tls-identity.js";
import { joinTokens } from "./control-client.js";

/** A manager of the cluster that is to take another one in. */
export interface KnownManager {
  /** Its control socket. */
  readonly socket: string;
  /** "HOST:PORT" */
  readonly address: string;
}

export class ManagerSeat {
  private constructor(
    readonly nodeId: string,
    /** Of every start. */
    readonly flags: readonly string[],
    /** Of the first. */
    readonly firstFlags: readonly string[],
    readonly close: () => Promise<void>,
  ) {}

  /** For the manager that begins a cluster. @param folder for what it is told */
  static first(folder: string): ManagerSeat {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "bootstrap");
    // Nothing in particular: the cluster is as it comes.
    writeFileSync(file, "", { mode: 0o600 });
    const nodeId = randomId();
    return new ManagerSeat(nodeId, ["--node-id", nodeId], ["--bootstrap", file], async () => {});
  }

  /** For one that joins: its node is a member from then on. @param folder for its socket */
  static async joining(folder: string, manager: KnownManager, log: (line: string) => void): Promise<ManagerSeat> {
    const tokens = await joinTokens(manager.socket);
    if (!tokens) throw new Error(`the manager at ${manager.socket} has no join tokens`);
    const joined = await joinCluster({
      token: tokens.manager,
      addresses: [manager.address],
      availability: 0,
      random: Math.random,
      log,
    });
    const identity = new TlsIdentity(joined.certificate);
    const door = { address: manager.address, credentials: identity.channelCredentials() };
    const { nodeId } = joined;
    const issue = (csr: Buffer) =>
      renewCertificate([door], { role: NodeRole.MANAGER, csr }, { nodeId, rootPem: joined.certificate.rootPem });
    const socket = join(folder, "agent.sock");
    const server: LocalServer = await serveLocally(socket, managerSupportService(issue, log), undefined, log);
    const flags = ["--node-id", nodeId, "--support-socket", socket];
    return new ManagerSeat(nodeId, flags, ["--join", manager.address], () => server.close());
  }
}
