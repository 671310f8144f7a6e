/** Signs what the store says is asked for. Runs on the leader, for one term. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance } from "../../api/generated/docker/swarmkit/v1/types.js";
import { CsrError, readCsr } from "../../security/pki/csr.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { isRequested, issuedRecord, withStatus } from "./certificate-record.js";
import type { CertificateSigner } from "./issue-queue.js";
import type { Signed, SigningRequest } from "./signing.js";

export interface CertificateLoopOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly signer: CertificateSigner;
  readonly log: (line: string) => void;
}

const RETRY_MS = 10_000;
/** So many are signed and written at a time. */
const BATCH = 64;

/** What became of one request. */
type Outcome = Signed | { readonly kind: "refused"; readonly reason: string };

export class CertificateLoop implements Reconciler {
  readonly name = "certificates";
  readonly selectors: readonly Selector[] = [{ kind: "node" }];
  readonly #options: CertificateLoopOptions;
  /** Ids of nodes that wait. */
  readonly #waiting = new Set<string>();
  /** What was said last to be in the way: said once. */
  #said = "";

  constructor(options: CertificateLoopOptions) {
    this.#options = options;
  }

  begin(read: StoreReader): void {
    for (const node of read.all("node")) if (isRequested(node.certificate)) this.#waiting.add(node.id);
  }

  noticed(events: readonly StoreEvent[]): boolean {
    let isNew = false;
    for (const event of events) {
      if (event.kind !== "node" || event.object.certificate === event.previous?.certificate) continue;
      if (event.action === "remove" || !isRequested(event.object.certificate)) continue;
      this.#waiting.add(event.object.id);
      isNew = true;
    }
    return isNew;
  }

  async reconcile(): Promise<number | undefined> {
    const { clock } = this.#options;
    let isLeft = false;
    const ids = [...this.#waiting];
    for (let at = 0; at < ids.length; at += BATCH) {
      if (!(await this.#signSome(ids.slice(at, at + BATCH)))) isLeft = true;
    }
    if (!isLeft) this.#said = "";
    return isLeft ? clock.now() + RETRY_MS : undefined;
  }

  /** @returns whether all of them are done */
  async #signSome(ids: readonly string[]): Promise<boolean> {
    const { store, signer } = this.#options;
    const { cluster, nodes } = store.view((read) => ({
      cluster: read.all("cluster")[0],
      nodes: ids.map((id) => read.get("node", id)),
    }));
    const asked: Node[] = [];
    nodes.forEach((node, i) => {
      if (node && isRequested(node.certificate)) asked.push(node);
      else this.#waiting.delete(ids[i]!);
    });
    const rootCa = cluster?.rootCa;
    if (!cluster || !rootCa || asked.length === 0) return asked.length === 0;
    const outcomes = await outcomesOf(asked, (requests) => signer.sign(cluster, requests));
    const failed = asked.filter((_, i) => outcomes[i]!.kind === "failed").length;
    const isWritten = await store.update((tx) => {
      // The cluster has turned to another root meanwhile: all is to be signed again.
      if (tx.all("cluster")[0]?.rootCa !== rootCa) return false;
      asked.forEach((node, i) => {
        const now = tx.get("node", node.id);
        const certificate = recordOf(node, outcomes[i]!);
        // Another request may have taken the place of this one.
        if (now && certificate && now.certificate === node.certificate) tx.update("node", { ...now, certificate });
      });
      return true;
    });
    if (!isWritten) return this.#signSome(ids);
    asked.forEach((node, i) => {
      if (outcomes[i]!.kind === "failed") return;
      const now = store.view((read) => read.get("node", node.id));
      if (!isRequested(now?.certificate)) this.#waiting.delete(node.id);
    });
    if (failed > 0) this.#say(failed, outcomes);
    return failed === 0;
  }

  #say(failed: number, outcomes: readonly Outcome[]): void {
    const first = outcomes.find(({ kind }) => kind === "failed");
    const text = first?.kind === "failed" ? first.reason : "";
    if (text === this.#said) return;
    this.#said = text;
    this.#options.log(`certificates of ${failed} nodes cannot be signed now: ${text}`);
  }
}

async function outcomesOf(
  nodes: readonly Node[],
  sign: (requests: readonly SigningRequest[]) => Promise<readonly Signed[]>,
): Promise<readonly Outcome[]> {
  const requests = nodes.map(requestOf);
  const good = requests.filter((one): one is SigningRequest => !("refusal" in one));
  const signed = (good.length === 0 ? [] : await sign(good)).values();
  return requests.map((one) =>
    "refusal" in one ? { kind: "refused", reason: one.refusal } : (signed.next().value as Signed),
  );
}

function requestOf({ id, certificate }: Node): SigningRequest | { readonly refusal: string } {
  const { csr, role } = certificate!;
  const csrPem = csr.toString("latin1");
  try {
    return { nodeId: id, role, csrPem, csr: readCsr(csrPem) };
  } catch (error) {
    if (error instanceof CsrError) return { refusal: error.message };
    throw error;
  }
}

/** @returns undefined where it stays as it is, to be tried again */
function recordOf({ id, certificate }: Node, outcome: Outcome): Node["certificate"] {
  const { role, csr } = certificate!;
  switch (outcome.kind) {
    case "signed":
      return issuedRecord({ nodeId: id, role }, csr.toString("latin1"), outcome.chainPem);
    case "refused":
      return withStatus(certificate!, Issuance.FAILED, outcome.reason);
    case "failed":
      return undefined;
  }
}
