/** Gives nodes their certificates. Only on the leader. */
import { NodeRole, type WeightedPeer } from "../../api/generated/docker/swarmkit/v1/types.js";
import {
  type JoinClusterRequest,
  type JoinClusterResponse,
  NodeIdentityService,
  type RenewCertificateRequest,
  type RenewCertificateResponse,
} from "../../api/generated/tswarm/v1/identity.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, unary } from "../../api/server-call.js";
import { invalidArgument } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import { newNode } from "../new-node.js";
import { type Admission, admit, tokenNeeded } from "./admission.js";
import { issuedRecord } from "./certificate-record.js";
import type { CsrDesk } from "./csr-desk.js";
import type { IssueQueue } from "./issue-queue.js";
import { renewalRefusal } from "./renewal-rules.js";
import { roleOfToken } from "./token-role.js";

export interface NodeIdentityOptions {
  readonly store: Store;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  readonly desk: CsrDesk;
  readonly queue: IssueQueue;
  /** Of wrong tokens. */
  readonly attempts: Admission["attempts"];
  /** The managers that a new node is told of. */
  readonly managers: (read: StoreReader) => readonly WeightedPeer[];
  readonly log: (line: string) => void;
}

export class NodeIdentityRpcs {
  readonly #options: NodeIdentityOptions;

  constructor(options: NodeIdentityOptions) {
    this.#options = options;
  }

  /** The gRPC service. */
  service() {
    const { log } = this.#options;
    const join = unary((request: JoinClusterRequest, context) => this.#join(request, context), log);
    const renew = unary((request: RenewCertificateRequest, context) => this.#renew(request, context), log);
    return partialService(NodeIdentityService, { join, renew }, log);
  }

  async #join(request: JoinClusterRequest, context: CallContext): Promise<JoinClusterResponse> {
    const { store, random, identity, desk, queue, managers, log } = this.#options;
    const role = admit(this.#options, request.token, identity.origin(context).peer);
    const csrPem = request.csr.toString("latin1");
    const csr = await desk.check(csrPem);
    const nodeId = newObjectId(random);
    const { token, availability } = request;
    // The agent's certificate is a worker's, always.
    const subject = { nodeId, role: NodeRole.WORKER };
    const record = (tx: Transaction, chainPem: string) => {
      const [cluster] = tx.all("cluster");
      if (roleOfToken(cluster, token) !== role) return tokenNeeded();
      const node = newNode(nodeId, role, cluster, availability);
      tx.create("node", { ...node, certificate: issuedRecord(subject, csrPem, chainPem) });
      return undefined;
    };
    const { chainPem, rootsPem } = await queue.issue({ ...subject, csrPem, csr, record });
    log(`node ${nodeId} has joined as a ${role === NodeRole.MANAGER ? "manager" : "worker"}`);
    return {
      nodeId,
      role,
      certificate: Buffer.from(chainPem),
      rootCa: Buffer.from(rootsPem),
      managers: [...store.view(managers)],
    };
  }

  async #renew({ role, csr }: RenewCertificateRequest, context: CallContext): Promise<RenewCertificateResponse> {
    const { store, identity, desk, queue } = this.#options;
    const { nodeId } = identity.identify(context);
    if (role !== NodeRole.WORKER && role !== NodeRole.MANAGER) throw invalidArgument("invalid argument: no such role");
    const refusal = store.view((read) => renewalRefusal(read, nodeId, role));
    if (refusal) throw refusal;
    const csrPem = csr.toString("latin1");
    const record = (tx: Transaction, chainPem: string) => {
      const late = renewalRefusal(tx, nodeId, role);
      if (late) return late;
      // A manager's own certificate is not written down: the agent's stands for the node.
      if (role === NodeRole.MANAGER) return undefined;
      tx.update("node", { ...tx.get("node", nodeId)!, certificate: issuedRecord({ nodeId, role }, csrPem, chainPem) });
      return undefined;
    };
    const checked = await desk.check(csrPem);
    const { chainPem, rootsPem } = await queue.issue({ nodeId, role, csrPem, csr: checked, record });
    return { certificate: Buffer.from(chainPem), rootCa: Buffer.from(rootsPem) };
  }
}
