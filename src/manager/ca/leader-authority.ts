/** The cluster's certificate authority, as its leader has it for one term: what answers nodes, and what works by itself. */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { unavailable } from "../../api/status-error.js";
import { AttemptLimiter } from "../../security/attempt-limiter.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import { managerPeers } from "../dispatcher/manager-list.js";
import type { Reconciler } from "../loop/reconciler.js";
import { CertificateLoop } from "./certificate-loop.js";
import { ClusterSigner, type ExternalSigner } from "./cluster-signer.js";
import { CsrDesk } from "./csr-desk.js";
import { IssueQueue } from "./issue-queue.js";
import { NodeCaRpcs } from "./node-ca-service.js";
import { NodeIdentityRpcs } from "./node-identity-service.js";
import { RemovedKeeper } from "./removed-keeper.js";
import { RootRotator } from "./rotation/root-rotator.js";

export interface LeaderAuthorityOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  readonly external: ExternalSigner;
  readonly log: (line: string) => void;
}

/** Wrong join tokens from one address: a person's typing errors, not a search. */
const WRONG_TOKENS = { burst: 10, refillMs: 10_000 };

export class LeaderAuthority {
  /** tswarm.v1.NodeIdentity */
  readonly nodeIdentity: UntypedServiceImplementation;
  /** docker.swarmkit.v1.NodeCA */
  readonly nodeCa: UntypedServiceImplementation;
  /** Each for a loop of its own. */
  readonly reconcilers: readonly Reconciler[];
  readonly #queue: IssueQueue;
  readonly #requests: NodeCaRpcs;

  constructor(options: LeaderAuthorityOptions) {
    const { store, clock, external, log } = options;
    const signer = new ClusterSigner(clock, external);
    const attempts = new AttemptLimiter(WRONG_TOKENS, () => clock.now());
    const desk = new CsrDesk();
    const queue = new IssueQueue(store, signer);
    this.#queue = queue;
    this.#requests = new NodeCaRpcs({ ...options, desk, attempts });
    this.nodeIdentity = new NodeIdentityRpcs({
      ...options,
      desk,
      queue,
      attempts,
      managers: (read) => managerPeers(read.find("node", "role", String(NodeRole.MANAGER))),
    }).service();
    this.nodeCa = this.#requests.service();
    this.reconcilers = [
      new CertificateLoop({ store, clock, signer, log }),
      new RootRotator({ store, clock, log }),
      new RemovedKeeper(store, clock),
    ];
  }

  /** At once: nobody waits any more. */
  stop(): void {
    const reason = unavailable("this manager leads no more: turn to another, or again to this one");
    this.#queue.stop(reason);
    this.#requests.stop(reason);
  }
}
