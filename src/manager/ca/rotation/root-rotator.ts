/** Leads the cluster from one root to the next: asks nodes for new certificates, a batch at a time, and ends the change when all have them. */
import type { Cluster } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance, type RootCA } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { certificateFacts } from "../../../security/pki/certificate-facts.js";
import type { StoreEvent } from "../../../store/change.js";
import type { Clock } from "../../../store/clock.js";
import type { Store } from "../../../store/store.js";
import type { Transaction } from "../../../store/transaction.js";
import type { Selector } from "../../../store/watch-hub.js";
import type { Reconciler } from "../../loop/reconciler.js";
import { requestedRecord, withStatus } from "../certificate-record.js";
import { freshRoot } from "../cluster-root.js";
import { type Issuer, planRotation } from "./rotation-plan.js";

export interface RootRotatorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

const INTERVAL_MS = 3000;
const BATCH = 30;
/** A node that was asked and has another certificate by now needs a moment to say so. */
const PATIENCE_MS = 30_000;

export class RootRotator implements Reconciler {
  readonly name = "root rotation";
  readonly selectors: readonly Selector[] = [{ kind: "cluster" }, { kind: "node" }];
  readonly #options: RootRotatorOptions;
  /** Where the cluster turns to, and when which node was asked in this term. */
  #target: { readonly certificate: Buffer; readonly issuer: Issuer } | undefined;
  readonly #askedMs = new Map<string, number>();
  #nextMs = 0;
  #said = -1;

  constructor(options: RootRotatorOptions) {
    this.#options = options;
  }

  begin(): void {}

  /** Nodes change all the time: what they say is looked at every few seconds, and only while the root changes. */
  noticed(events: readonly StoreEvent[]): boolean {
    return events.some(
      (event) => event.kind === "cluster" && event.object.rootCa?.rootRotation !== event.previous?.rootCa?.rootRotation,
    );
  }

  async reconcile(): Promise<number | undefined> {
    const { store, clock, log } = this.#options;
    const cluster = this.#cluster();
    const issuer = this.#turnTo(cluster?.rootCa);
    if (!issuer) return undefined;
    const nowMs = clock.now();
    if (nowMs < this.#nextMs) return this.#nextMs;
    const plan = this.#plan(
      store.view((read) => read.all("node")),
      issuer,
      nowMs,
    );
    if (plan.behind === 0) {
      if (await this.#finish(cluster!.rootCa!, issuer)) return undefined;
    } else if (plan.behind !== this.#said) {
      this.#said = plan.behind;
      log(`the cluster turns to another root: ${plan.behind} nodes do not have a certificate of it yet`);
    }
    if (plan.mark.length > 0) await this.#mark(plan.mark, nowMs);
    this.#nextMs = nowMs + INTERVAL_MS;
    return this.#nextMs;
  }

  #cluster(): Cluster | undefined {
    return this.#options.store.view((read) => read.all("cluster"))[0];
  }

  /** @returns who is to sign; undefined while the cluster keeps its root */
  #turnTo(rootCa: RootCA | undefined): Issuer | undefined {
    const certificate = rootCa?.rootRotation?.caCert;
    if (!certificate) {
      this.#target = undefined;
      return undefined;
    }
    if (!this.#target?.certificate.equals(certificate)) {
      this.#target = { certificate, issuer: issuerOf(certificate) };
      this.#askedMs.clear();
      this.#nextMs = 0;
      this.#said = -1;
    }
    return this.#target.issuer;
  }

  #plan(nodes: Parameters<typeof planRotation>[0]["nodes"], issuer: Issuer, nowMs: number) {
    const wasAsked = (id: string) => nowMs - (this.#askedMs.get(id) ?? Number.NEGATIVE_INFINITY) < PATIENCE_MS;
    return planRotation({ nodes, issuer, wasAsked, limit: BATCH });
  }

  async #mark(ids: readonly string[], nowMs: number): Promise<void> {
    const isTurning = (tx: Transaction) => tx.all("cluster")[0]?.rootCa?.rootRotation !== undefined;
    await this.#options.store.batch(ids, (tx, id) => {
      const node = tx.get("node", id);
      if (!node || !isTurning(tx)) return;
      const subject = { nodeId: id, role: node.role };
      const certificate = node.certificate
        ? withStatus(node.certificate, Issuance.ROTATE)
        : requestedRecord(subject, Buffer.alloc(0), Issuance.ROTATE);
      tx.update("node", { ...node, certificate });
    });
    for (const id of ids) this.#askedMs.set(id, nowMs);
  }

  /** @returns whether the change is over; false when something has happened meanwhile */
  async #finish(before: RootCA, issuer: Issuer): Promise<boolean> {
    const { store, log } = this.#options;
    const { caCert, caKey } = before.rootRotation!;
    const next = freshRoot(caCert.toString(), caKey.toString(), before.lastForcedRotation);
    const isOver = await store.update((tx) => {
      const [cluster] = tx.all("cluster");
      if (cluster?.rootCa !== before) return false;
      // Who joins in this very moment counts.
      if (this.#plan(tx.all("node"), issuer, 0).behind > 0) return false;
      tx.update("cluster", { ...cluster, rootCa: next });
      return true;
    });
    if (isOver) log("the cluster has turned to another root; join tokens have changed");
    return isOver;
  }
}

function issuerOf(certificate: Buffer): Issuer {
  const { subjectDer, publicKeyDer } = certificateFacts(certificate.toString());
  return { subject: subjectDer, publicKey: publicKeyDer };
}
