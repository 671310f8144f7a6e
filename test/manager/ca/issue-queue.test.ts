/** Certificates for many at once: few entries of the log, an answer for each, and an end to what may wait. */
import { status } from "@grpc/grpc-js";
import test from "ava";
import type { Cluster } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { permissionDenied, StatusError, unavailable } from "../../../src/api/status-error.js";
import { bootstrapCluster } from "../../../src/manager/bootstrap.js";
import { freshRoot, signingRoot } from "../../../src/manager/ca/cluster-root.js";
import { ClusterSigner } from "../../../src/manager/ca/cluster-signer.js";
import {
  type CertificateSigner,
  type Issued,
  IssueQueue,
  type IssueRequest,
} from "../../../src/manager/ca/issue-queue.js";
import { newCluster } from "../../../src/manager/ca/new-cluster.js";
import { newNode } from "../../../src/manager/new-node.js";
import { checkChain } from "../../../src/security/pki/chain.js";
import { makeCsr, readCsr } from "../../../src/security/pki/csr.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { newReplica, type Replica } from "../../store/replicas.js";
import { seededBytes } from "../manual-clock.js";

const { csrPem } = makeCsr();
const csr = readCsr(csrPem);
const idOf = (number: number) => `storm${String(number).padStart(20, "0")}`;
const defaults = { heartbeatPeriodMs: 5000, dataPathPort: 4789 };

async function begun(): Promise<Replica & { readonly signer: CertificateSigner }> {
  const replica = newReplica();
  const random = seededBytes(3);
  const begin = newCluster({ defaults, random, nowMs: replica.clock.now() });
  const done = bootstrapCluster(replica.store, random, idOf(0), () => begin);
  await replica.log.settle();
  await done;
  const nobody = { sign: () => Promise.reject(new Error("the cluster has its key")) };
  return { ...replica, signer: new ClusterSigner(replica.clock, nobody) };
}

const clusterOf = ({ store }: Replica): Cluster => store.view((read) => read.all("cluster"))[0]!;

/** A node comes. */
function coming(number: number): IssueRequest {
  const nodeId = idOf(number);
  return {
    nodeId,
    role: NodeRole.WORKER,
    csrPem,
    csr,
    record: (tx) => {
      tx.create("node", newNode(nodeId, NodeRole.WORKER, undefined));
      return undefined;
    },
  };
}

const codeOf = (error: unknown) => (error instanceof StatusError ? status[error.code] : String(error));

test("a thousand nodes come at once: all get in, with few entries of the log, several of them under way at a time", async (t) => {
  const bed = await begun();
  const before = bed.log.entries.length;
  const queue = new IssueQueue(bed.store, bed.signer);
  const all = Array.from({ length: 1000 }, (_, i) => queue.issue(coming(i + 1)));
  let most = 0;
  let done: readonly Issued[] = [];
  let isOver = false;
  const over = Promise.all(all)
    .then((issued) => {
      done = issued;
    })
    .finally(() => {
      isOver = true;
    });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, bed.log.waiting);
    // The log is slower than the signatures.
    if (bed.log.waiting === 4 || queue.size <= 4 * 64) bed.log.commit(1);
  }
  await over;
  const { certificatePem } = signingRoot(clusterOf(bed).rootCa!);
  for (const [i, { chainPem, rootsPem }] of done.entries()) {
    t.is(rootsPem, certificatePem);
    if (i % 100 === 0) {
      const expected = { nodeId: idOf(i + 1), clusterId: clusterOf(bed).id, role: NodeRole.WORKER };
      t.notThrows(() => checkChain({ certificatePem: chainPem, rootPem: rootsPem, nowMs: bed.clock.now(), expected }));
    }
  }
  t.is(bed.store.view((read) => read.all("node")).length, 1001);
  t.true(bed.log.entries.length - before <= 1000 / 64 + 1, `${bed.log.entries.length - before} entries`);
  t.is(most, 4);
  t.is(queue.size, 0);
});

test("beyond what may wait callers are sent away at once, and may come again later", async (t) => {
  const bed = await begun();
  let sign: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    sign = resolve;
  });
  const slow: CertificateSigner = { sign: (cluster, requests) => held.then(() => bed.signer.sign(cluster, requests)) };
  const queue = new IssueQueue(bed.store, slow);
  const all = Array.from({ length: 2000 }, (_, i) => queue.issue(coming(i + 1)));
  t.is(codeOf(await t.throwsAsync(queue.issue(coming(2001)))), "RESOURCE_EXHAUSTED");
  sign();
  while (queue.size > 0) await bed.log.settle();
  t.is((await Promise.all(all)).length, 2000);
  const late = queue.issue(coming(2001));
  while (queue.size > 0) await bed.log.settle();
  t.truthy((await late).chainPem);
});

test("who is refused in the transaction gets nothing, and those beside him all the same", async (t) => {
  const bed = await begun();
  const queue = new IssueQueue(bed.store, bed.signer);
  const refused = queue.issue({ ...coming(1), record: () => permissionDenied("not you") });
  const good = queue.issue(coming(2));
  const outcome = t.throwsAsync(refused, { message: "not you" });
  while (queue.size > 0) await bed.log.settle();
  t.is(codeOf(await outcome), "PERMISSION_DENIED");
  t.truthy((await good).chainPem);
  t.is(
    bed.store.view((read) => read.get("node", idOf(1))),
    undefined,
  );
});

test("when the cluster turns to another root in the midst of it, nobody gets a certificate of the one before", async (t) => {
  const bed = await begun();
  const next = makeRootCa(bed.clock.now());
  let isFirst = true;
  const turning: CertificateSigner = {
    sign: async (cluster, requests) => {
      const signed = await bed.signer.sign(cluster, requests);
      if (isFirst) {
        isFirst = false;
        const turned = bed.store.update((tx) => {
          const now = tx.all("cluster")[0]!;
          tx.update("cluster", { ...now, rootCa: freshRoot(next.certificatePem, next.keyPem, 0) });
        });
        await bed.log.settle();
        await turned;
      }
      return signed;
    },
  };
  const queue = new IssueQueue(bed.store, turning);
  const issued = queue.issue(coming(1));
  while (queue.size > 0) await bed.log.settle();
  const { chainPem, rootsPem } = await issued;
  t.is(rootsPem, next.certificatePem);
  t.notThrows(() => checkChain({ certificatePem: chainPem, rootPem: next.certificatePem, nowMs: bed.clock.now() }));
});

test("a manager that ceases to lead answers all: those that wait at once, those being written with what is known", async (t) => {
  const bed = await begun();
  const queue = new IssueQueue(bed.store, bed.signer);
  const written = queue.issue(coming(1));
  while (bed.log.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  const waiting = queue.issue(coming(2));
  queue.stop(unavailable("over"));
  bed.log.depose(0);
  t.is(codeOf(await t.throwsAsync(waiting)), "UNAVAILABLE");
  t.is(codeOf(await t.throwsAsync(written)), "ABORTED");
  t.is(codeOf(await t.throwsAsync(queue.issue(coming(3)))), "UNAVAILABLE");
  t.is(queue.size, 0);
});
