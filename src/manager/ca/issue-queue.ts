/**
 * Signs certificates and writes down that they are issued. Many at once make few entries of the log, several of them under way at a time,
 * and the loop is let go after every few signatures. What waits is bounded: beyond that callers are sent away.
 */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { RootCA } from "../../api/generated/docker/swarmkit/v1/types.js";
import { failedPrecondition, resourceExhausted, type StatusError, unavailable } from "../../api/status-error.js";
import type { Store } from "../../store/store.js";
import type { Transaction } from "../../store/transaction.js";
import { asStatus } from "../write-error.js";
import { trustedRoots } from "./cluster-root.js";
import type { Signed, SigningRequest } from "./signing.js";

export interface IssueRequest extends SigningRequest {
  /** In the transaction; may run several times. @returns why the certificate is not given out after all */
  readonly record: (tx: Transaction, chainPem: string) => StatusError | undefined;
}

export interface Issued {
  readonly chainPem: string;
  /** PEM: all roots that are to be trusted. */
  readonly rootsPem: string;
}

export interface CertificateSigner {
  /** One answer for each request. */
  sign(cluster: Cluster, requests: readonly SigningRequest[]): Promise<readonly Signed[]>;
}

interface Waiting {
  readonly request: IssueRequest;
  resolve(issued: Issued): void;
  reject(error: unknown): void;
}

interface SignedBatch {
  /** In whose name. */
  readonly rootCa: RootCA;
  readonly signed: readonly Signed[];
}

/** Callers that wait, those at work included. */
const MAX_WAITING = 2000;
/** Changes of one entry of the log. */
const MAX_BATCH = 64;
const MAX_WRITES_UNDER_WAY = 4;

export class IssueQueue {
  readonly #store: Store;
  readonly #signer: CertificateSigner;
  #waiting: Waiting[] = [];
  /** Taken from the queue and not answered. */
  #atWork = 0;
  #isWorking = false;
  readonly #writes = new Set<Promise<void>>();
  #over: StatusError | undefined;

  constructor(store: Store, signer: CertificateSigner) {
    this.#store = store;
    this.#signer = signer;
  }

  get size(): number {
    return this.#waiting.length + this.#atWork;
  }

  /** @throws StatusError RESOURCE_EXHAUSTED when too many wait; what `record` says; UNAVAILABLE when it cannot be signed now */
  issue(request: IssueRequest): Promise<Issued> {
    if (this.#over) return Promise.reject(this.#over);
    if (this.size >= MAX_WAITING) {
      return Promise.reject(
        resourceExhausted(`${MAX_WAITING} nodes wait for certificates already: try again in a while`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#work();
    });
  }

  /** At once; what is being written is answered when it is. */
  stop(reason: StatusError): void {
    this.#over = reason;
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    // Those who come in the same turn share an entry.
    setImmediate(() => void this.#untilEmpty());
  }

  async #untilEmpty(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      this.#atWork += batch.length;
      const write = this.#write(batch, await this.#sign(batch)).finally(() => {
        this.#atWork -= batch.length;
        this.#writes.delete(write);
      });
      this.#writes.add(write);
      if (this.#writes.size >= MAX_WRITES_UNDER_WAY) await Promise.race(this.#writes);
    }
    // Together with the last look: who comes later begins anew.
    this.#isWorking = false;
  }

  async #sign(batch: readonly Waiting[]): Promise<SignedBatch | { readonly error: unknown }> {
    const [cluster] = this.#store.view((read) => read.all("cluster"));
    if (!cluster?.rootCa) return { error: failedPrecondition("the cluster has no certificate authority") };
    try {
      const requests = batch.map(({ request }) => request);
      return { rootCa: cluster.rootCa, signed: await this.#signer.sign(cluster, requests) };
    } catch (error) {
      return { error };
    }
  }

  async #write(batch: readonly Waiting[], outcome: SignedBatch | { readonly error: unknown }): Promise<void> {
    if ("error" in outcome) {
      for (const { reject } of batch) reject(outcome.error);
      return;
    }
    const { rootCa, signed } = outcome;
    try {
      const refusals = await this.#store.update((tx) => {
        const [cluster] = tx.all("cluster");
        // The cluster has turned to another root meanwhile: nobody gets a certificate of the one before.
        if (cluster?.rootCa !== rootCa) return undefined;
        return signed.map((one, i) => (one.kind === "signed" ? batch[i]!.request.record(tx, one.chainPem) : undefined));
      });
      if (refusals === undefined) this.#again(batch);
      else for (const [i, waiting] of batch.entries()) answer(waiting, signed[i]!, refusals[i], rootCa);
    } catch (error) {
      for (const { reject } of batch) reject(asStatus(error));
    }
  }

  #again(batch: readonly Waiting[]): void {
    if (this.#over) for (const { reject } of batch) reject(this.#over);
    else {
      this.#waiting.unshift(...batch);
      this.#work();
    }
  }
}

function answer({ resolve, reject }: Waiting, signed: Signed, refusal: StatusError | undefined, rootCa: RootCA): void {
  if (signed.kind === "failed") reject(unavailable(`the certificate cannot be signed now: ${signed.reason}`));
  else if (refusal) reject(refusal);
  else resolve({ chainPem: signed.chainPem, rootsPem: trustedRoots(rootCa) });
}
