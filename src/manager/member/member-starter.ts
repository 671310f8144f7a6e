/** From a state folder to a running member of the cluster's log. */
import { randomBytes } from "node:crypto";
import { Metadata } from "@grpc/grpc-js";
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
import { membersOfTheirNodes } from "../../raft/transport/members-of-their-nodes.js";
import { RaftServices } from "../../raft/transport/raft-services.js";
import type { KeyFile } from "../../security/at-rest/key-file.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { TlsIdentity } from "../../security/tls/tls-identity.js";
import { grpcTarget } from "../../security/transport.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Proposal } from "../../store/proposer.js";
import { ReplicatedStore } from "../../store/replicated-store.js";
import type { ClusterDefaults } from "../bootstrap.js";
import type { NewCluster } from "../ca/new-cluster.js";
import type { ManagerOptions } from "../manager-options.js";
import { askToJoin } from "../membership/joining.js";
import type { ServiceHost } from "../serving/services.js";
import { logFolder, openLogKeys } from "./log-keys.js";
import type { ManagerCertificate } from "./manager-certificate.js";
import { RunningMember } from "./running-member.js";
import { sealedKeys } from "./sealed-keys.js";

export interface MemberStarterOptions
  extends Pick<ManagerOptions, "stateDir" | "nodeId" | "join" | "forceNewCluster" | "raft" | "disk" | "log"> {
  readonly clock: Clock;
  /** Only differences mean something. */
  readonly steadyClock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  /** Shown to other members, and what they are known by. */
  readonly tls: TlsIdentity;
  readonly certificate: ManagerCertificate;
  /** Where other nodes reach this manager: known once its port is open. */
  readonly address: () => string;
  readonly remotePort: () => number;
  readonly defaults: ClusterDefaults;
  /** The cluster that this manager begins. */
  readonly newCluster: NewCluster | undefined;
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
      authorize: membersOfTheirNodes(options.identity, () => this.#raft?.members() ?? []),
      heardOf: (id) => this.#transport?.nudge(id),
      log: options.log,
    });
  }

  /** What other members send: taken in from the moment in which this one knows who it is. */
  addRaftServices(server: ServiceHost): void {
    for (const { definition, implementation } of [this.#received.raft, this.#received.transport]) {
      server.addService(definition, implementation);
    }
  }

  /**
   * @param kek opens the keys of a log that is locked
   * @throws LogLockedError, KeyFileError
   */
  openKeys(kek: Uint8Array | undefined): Promise<KeyFile> {
    return openLogKeys(this.#options.stateDir, kek);
  }

  /** @throws LogLockedError, LogDamagedError, DiskError, RaftError removed, ManagerStartError */
  async start(keys: KeyFile): Promise<RunningMember> {
    const { nodeId, tls, certificate, clock, random, log } = this.#options;
    const { stateDir, disk = new FolderDisk(logFolder(stateDir)) } = this.#options;
    const storage = openLogStorage({ disk, keyRing: keys });
    const replicated = new ReplicatedStore({ clock, random, log });
    const connections = { credentials: () => tls.channelCredentials(), metadata: () => new Metadata(), log };
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
      probe: (address) => probe(address, tls),
      log,
    });
    this.#raft = raft;
    replicated.attach(raft);
    return new RunningMember({
      ...this.#options,
      store: replicated.store,
      raft,
      keys: sealedKeys(keys, storage, certificate),
      channelTo: (address) => openChannel(grpcTarget(address), tls.channelCredentials(), true),
      ownCertificate: () => tls.current,
      address: this.#options.address(),
      remotePort: this.#options.remotePort(),
    });
  }

  #mode(): StartMode {
    const { tls, join: managers = [], newCluster, forceNewCluster, signal, log } = this.#options;
    if (forceNewCluster) return { kind: "force-new-cluster" };
    if (newCluster) return { kind: "bootstrap" };
    if (managers.length === 0) return { kind: "restart" };
    return {
      kind: "join",
      request: async () => {
        const answer = await askToJoin({ identity: tls, address: this.#options.address(), managers, signal, log });
        return { id: answer.raftId, members: answer.members, removed: answer.removedMembers };
      },
    };
  }
}

/** Whether a manager that can be a member listens there. @throws Error that says why not */
async function probe(address: string, tls: TlsIdentity): Promise<void> {
  const client = openChannel(grpcTarget(address), tls.channelCredentials(), true);
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
