/** From a state folder to a running member of the cluster's log. */
import { randomBytes } from "node:crypto";
import type { Server } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../../api/client-call.js";
import {
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../api/generated/docker/swarmkit/v1/health.js";
import { FolderDisk } from "../../raft/disk/folder-disk.js";
import { systemClock } from "../../raft/node/clock.js";
import type { StartMode } from "../../raft/node/options.js";
import type { Raft } from "../../raft/node/raft.js";
import { RaftNode } from "../../raft/node/raft-node.js";
import { openLogStorage } from "../../raft/storage/disk-log-storage.js";
import { GrpcTransport } from "../../raft/transport/grpc-transport.js";
import { RaftServices } from "../../raft/transport/raft-services.js";
import { type CallerIdentity, nodeIdMetadata } from "../../security/identity.js";
import { grpcTarget, trustingCredentials } from "../../security/transport.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Proposal } from "../../store/proposer.js";
import { ReplicatedStore } from "../../store/replicated-store.js";
import type { ClusterDefaults } from "../bootstrap.js";
import type { ManagerOptions } from "../manager-options.js";
import { askToJoin } from "../membership/joining.js";
import { logFolder, openLogKeys, sealedKeys } from "./log-keys.js";
import { RunningMember } from "./running-member.js";

export interface MemberStarterOptions
  extends Pick<ManagerOptions, "stateDir" | "nodeId" | "join" | "forceNewCluster" | "raft" | "disk" | "log"> {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  /** Where other nodes reach this manager: known once its port is open. */
  readonly address: () => string;
  readonly remotePort: () => number;
  readonly defaults: ClusterDefaults;
  /** Aborted when the manager stops. */
  readonly signal: AbortSignal;
  readonly onLeaderChange: () => void;
}

const PROBE_TIMEOUT_MS = 5000;

export class MemberStarter {
  readonly #options: MemberStarterOptions;
  readonly #received: RaftServices;
  #raft: Raft<Proposal> | undefined;
  #transport: GrpcTransport | undefined;

  constructor(options: MemberStarterOptions) {
    this.#options = options;
    this.#received = new RaftServices({
      resolveAddress: (id) => this.#raft?.members().find(({ raftId }) => raftId === id)?.address,
      heardOf: (id) => this.#transport?.nudge(id),
      log: options.log,
    });
  }

  /** What other members send: taken in from the moment in which this one knows who it is. */
  addRaftServices(server: Server): void {
    for (const { definition, implementation } of [this.#received.raft, this.#received.transport]) {
      server.addService(definition, implementation);
    }
  }

  /**
   * @param kek opens the keys of a log that is locked
   * @throws LogLockedError, LogDamagedError, DiskError, RaftError removed, ManagerStartError
   */
  async start(kek: Uint8Array | undefined): Promise<RunningMember> {
    const { nodeId, clock, random, log } = this.#options;
    const { stateDir, disk = new FolderDisk(logFolder(stateDir)) } = this.#options;
    const keys = await openLogKeys(stateDir, kek);
    const storage = openLogStorage({ disk, keyRing: keys });
    const replicated = new ReplicatedStore({ clock, random, log });
    const connections = { credentials: trustingCredentials, metadata: () => nodeIdMetadata(nodeId), log };
    const raft = await RaftNode.start<Proposal>({
      nodeId,
      address: this.#options.address(),
      storage,
      stateMachine: replicated.machine,
      transport: (self, handler) => {
        const transport = new GrpcTransport(self, handler, connections);
        this.#transport = transport;
        this.#received.setHandler(handler);
        return transport;
      },
      clock: systemClock,
      random: { bytes: (count) => randomBytes(count), next: Math.random },
      settings: this.#options.raft ?? {},
      start: this.#mode(),
      probe,
      log,
    });
    this.#raft = raft;
    replicated.attach(raft);
    return new RunningMember({
      ...this.#options,
      store: replicated.store,
      raft,
      keys: sealedKeys(keys, storage),
      address: this.#options.address(),
      remotePort: this.#options.remotePort(),
    });
  }

  #mode(): StartMode {
    const { nodeId, join: managers = [], forceNewCluster, signal, log } = this.#options;
    if (forceNewCluster) return { kind: "force-new-cluster" };
    if (managers.length === 0) return { kind: "bootstrap" };
    return {
      kind: "join",
      request: async () => {
        const answer = await askToJoin({ nodeId, address: this.#options.address(), managers, signal, log });
        return { id: answer.raftId, members: answer.members, removed: answer.removedMembers };
      },
    };
  }
}

/** Whether a manager that can be a member listens there. @throws Error that says why not */
async function probe(address: string): Promise<void> {
  const client = openChannel(grpcTarget(address), trustingCredentials(), true);
  try {
    const { status } = await callUnary(
      client,
      HealthService.check,
      { service: "Raft" },
      { timeoutMs: PROBE_TIMEOUT_MS },
    );
    if (status !== ServingStatus.SERVING) throw new Error("the manager there is locked, or was removed");
  } finally {
    client.close();
  }
}
