/**
 * How SwarmKit's nodes get their certificates: a request that is written down, and a call that waits until a manager has signed it. Only on
 * the leader.
 */
import type { handleUnaryCall } from "@grpc/grpc-js";
import {
  type IssueNodeCertificateRequest,
  type IssueNodeCertificateResponse,
  NodeCAService,
  type NodeCertificateStatusRequest,
  type NodeCertificateStatusResponse,
} from "../../api/generated/docker/swarmkit/v1/ca.js";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Membership as Membership } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, unary } from "../../api/server-call.js";
import { invalidArgument, notFound, resourceExhausted, StatusError } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import { newNode } from "../new-node.js";
import { writing } from "../write-error.js";
import { type Admission, admit } from "./admission.js";
import { isRequested, issuanceOf, requestedRecord } from "./certificate-record.js";
import type { CsrDesk } from "./csr-desk.js";
import { renewalRefusal } from "./renewal-rules.js";

export interface NodeCaOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  readonly desk: CsrDesk;
  /** Of wrong tokens. */
  readonly attempts: Admission["attempts"];
  readonly log: (line: string) => void;
}

/** Calls at a time; each holds little. */
const MAX_REQUESTS = 1000;
const MAX_WAITING = 5000;
/** A call that waits is answered then with what holds by then: whoever asked asks again. */
const MAX_WAIT_MS = 30_000;

type StatusHandler = handleUnaryCall<NodeCertificateStatusRequest, NodeCertificateStatusResponse>;

export class NodeCaRpcs {
  readonly #options: NodeCaOptions;
  #requests = 0;
  /** Ends the calls that wait. */
  readonly #waiting = new Set<(reason: StatusError) => void>();
  #over: StatusError | undefined;

  constructor(options: NodeCaOptions) {
    this.#options = options;
  }

  /** The gRPC service. */
  service() {
    const { log } = this.#options;
    const issueNodeCertificate = unary(
      (request: IssueNodeCertificateRequest, context) => this.#issue(request, context),
      log,
    );
    const handler: StatusHandler = (call, callback) => {
      const { nodeId } = call.request;
      const cancel = this.#wait(nodeId, (answer) => {
        if (answer instanceof StatusError) callback({ code: answer.code, details: answer.message });
        else callback(null, answer);
      });
      call.on("cancelled", cancel);
    };
    return partialService(NodeCAService, { issueNodeCertificate, nodeCertificateStatus: handler }, log);
  }

  /** Calls that wait are answered, at once. */
  stop(reason: StatusError): void {
    this.#over = reason;
    for (const end of [...this.#waiting]) end(reason);
  }

  async #issue(request: IssueNodeCertificateRequest, context: CallContext): Promise<IssueNodeCertificateResponse> {
    if (this.#requests >= MAX_REQUESTS) {
      throw resourceExhausted(`${MAX_REQUESTS} requests for certificates are being written down: try again in a while`);
    }
    this.#requests++;
    try {
      const { caller, peer } = this.#options.identity.origin(context);
      const id = await writing(() => (caller ? this.#renew(request, caller.nodeId) : this.#join(request, peer)));
      return { nodeId: id, nodeMembership: Membership.ACCEPTED };
    } finally {
      this.#requests--;
    }
  }

  /** A node that the cluster does not know. */
  async #join({ token, csr, availability }: IssueNodeCertificateRequest, peer: string): Promise<string> {
    const { store, random, desk } = this.#options;
    const role = admit(this.#options, token, peer);
    await desk.check(csr.toString("latin1"));
    const nodeId = newObjectId(random);
    return await store.update((tx) => {
      const [cluster] = tx.all("cluster");
      const node = newNode(nodeId, role, cluster, availability);
      tx.create("node", { ...node, certificate: requestedRecord({ nodeId, role }, csr, Issuance.PENDING) });
      return nodeId;
    });
  }

  /** Another certificate, of the role that the node has by now. */
  async #renew({ csr }: IssueNodeCertificateRequest, nodeId: string): Promise<string> {
    await this.#options.desk.check(csr.toString("latin1"));
    return await this.#options.store.update((tx) => {
      const refusal = renewalRefusal(tx, nodeId, NodeRole.WORKER);
      if (refusal) throw refusal;
      const node = tx.get("node", nodeId)!;
      const certificate = requestedRecord({ nodeId, role: node.role }, csr, Issuance.RENEW);
      tx.update("node", { ...node, certificate });
      return nodeId;
    });
  }

  /** @returns a function that ends it without an answer */
  #wait(nodeId: string, answer: (outcome: NodeCertificateStatusResponse | StatusError) => void): () => void {
    const { store, clock } = this.#options;
    if (nodeId === "") return refuse(answer, invalidArgument("invalid argument: the id of the node is missing"));
    if (this.#over) return refuse(answer, this.#over);
    if (this.#waiting.size >= MAX_WAITING) {
      return refuse(answer, resourceExhausted("too many nodes wait for their certificates: try again in a while"));
    }
    const look = () => store.view((read) => read.get("node", nodeId));
    const cancel = () => {
      endWatch();
      cancelTimer();
      this.#waiting.delete(end);
    };
    const end = (outcome: NodeCertificateStatusResponse | StatusError) => {
      cancel();
      answer(outcome);
    };
    const tell = () => {
      const node = look();
      if (!node) end(notFound(`node ${nodeId} not found`));
      else if (!isRequested(node.certificate)) end(statusOf(node));
    };
    const endWatch = store.watch([{ kind: "node", id: nodeId }], tell);
    const cancelTimer = clock.after(MAX_WAIT_MS, () => {
      const node = look();
      end(node ? statusOf(node) : notFound(`node ${nodeId} not found`));
    });
    this.#waiting.add(end);
    tell();
    return cancel;
  }
}

function refuse(answer: (outcome: StatusError) => void, reason: StatusError): () => void {
  answer(reason);
  return () => {};
}

function statusOf({ certificate }: Node): NodeCertificateStatusResponse {
  return { status: certificate?.status ?? { state: issuanceOf(undefined), err: "" }, certificate };
}
