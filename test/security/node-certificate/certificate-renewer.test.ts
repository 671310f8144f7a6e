import { setImmediate } from "node:timers/promises";
import test from "ava";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { CertificateAnswer } from "../../../src/security/node-certificate/accept-certificate.js";
import { CertificateRenewer } from "../../../src/security/node-certificate/certificate-renewer.js";
import type { NodeCertificate } from "../../../src/security/node-certificate/node-certificate.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { crossSign, makeRootCa } from "../../../src/security/pki/root-ca.js";
import { ManualClock } from "../../manager/manual-clock.js";
import { answerTo, DAY_MS, HOUR_MS, type Issue, issued, START_MS } from "./issued.js";

const root = makeRootCa(START_MS);
const next = makeRootCa(START_MS);

interface Asked {
  readonly csrPem: string;
  readonly signal: AbortSignal;
  readonly answer: (answer: CertificateAnswer) => void;
  readonly refuse: (error: Error) => void;
}

/** A renewer, the manager that it asks, and the disk that it writes to. */
class Bed {
  readonly clock = new ManualClock(START_MS);
  readonly asked: Asked[] = [];
  readonly saved: NodeCertificate[] = [];
  readonly savedRoots: string[] = [];
  readonly heard: NodeCertificate[] = [];
  readonly failures: { readonly message: string; readonly retryInMs: number }[] = [];
  readonly first: NodeCertificate;
  readonly renewer: CertificateRenewer;
  diskError: Error | undefined;
  /** Roots are stored once it is there. */
  disk: Promise<void> = Promise.resolve();
  random = 0.5;

  constructor(issue: Partial<Issue> = {}) {
    this.first = issued({ ca: root, ...issue });
    this.renewer = new CertificateRenewer({
      certificate: this.first,
      clock: this.clock,
      random: () => this.random,
      request: (csrPem, signal) =>
        new Promise((answer, refuse) => {
          this.asked.push({ csrPem, signal, answer, refuse });
        }),
      store: {
        save: async (certificate) => {
          if (this.diskError) throw this.diskError;
          this.saved.push(certificate);
        },
        saveRoots: async (rootPem) => {
          await this.disk;
          if (this.diskError) throw this.diskError;
          this.savedRoots.push(rootPem);
        },
      },
      onFailure: (error, retryInMs) => this.failures.push({ message: (error as Error).message, retryInMs }),
    });
    this.renewer.onChange((certificate) => this.heard.push(certificate));
  }

  /** @returns what lets roots be stored again */
  holdDisk(): () => void {
    let write: () => void = () => undefined;
    this.disk = new Promise((resolve) => {
      write = resolve;
    });
    return write;
  }

  get last(): Asked {
    return this.asked.at(-1)!;
  }

  /** Answers the last request as a manager would. */
  async grant(issue: Partial<Issue> = {}, rootCa = root.certificatePem): Promise<void> {
    const certificate = answerTo(this.last.csrPem, { ca: root, nowMs: this.clock.now(), ...issue });
    this.last.answer({ certificate, rootCa });
    await settled();
  }

  async refuse(message: string): Promise<void> {
    this.last.refuse(new Error(message));
    await settled();
  }
}

/** Promises that are settled have had their turn. */
const settled = () => setImmediate();

test("nothing happens before the start; then it asks within 50 to 80 % of the lifetime, stores, and tells", async (t) => {
  const bed = new Bed();
  bed.clock.advance(DAY_MS);
  t.is(bed.clock.pending, 0);
  bed.renewer.start();
  // Of 90 days and an hour, from an hour ago.
  const dueMs = START_MS - HOUR_MS + (90 * DAY_MS + HOUR_MS) * 0.65;
  t.is(bed.renewer.dueMs, dueMs);
  bed.clock.advance(dueMs - bed.clock.now() - 1);
  t.is(bed.asked.length, 0);
  bed.clock.advance(1);
  t.is(bed.asked.length, 1);
  await bed.grant();
  t.is(bed.saved.length, 1);
  t.deepEqual(bed.heard, bed.saved);
  t.is(bed.renewer.current, bed.saved[0]!);
  t.not(bed.renewer.current.keyPem, bed.first.keyPem);
  bed.clock.advance(59 * DAY_MS);
  t.is(bed.asked.length, 2, "and so on");
  await bed.renewer.stop();
});

test("an expired one is renewed at once", (t) => {
  const bed = new Bed({ validMs: -1000 });
  bed.renewer.start();
  t.is(bed.asked.length, 1);
});

test("a host that slept finds out within an hour of being awake", (t) => {
  const bed = new Bed();
  bed.renewer.start();
  t.is(bed.clock.pending, 1);
  bed.clock.sleep(80 * DAY_MS);
  bed.clock.advance(HOUR_MS);
  t.is(bed.asked.length, 1);
});

test("no timer is longer than an hour: one of 45 days would ring at once", (t) => {
  const waits: number[] = [];
  const bed = new Bed();
  const clock = {
    now: () => bed.clock.now(),
    after: (delayMs: number, action: () => void) => {
      waits.push(delayMs);
      return bed.clock.after(delayMs, action);
    },
  };
  const renewer = new CertificateRenewer({
    certificate: bed.first,
    clock,
    random: () => 0.9,
    request: () => new Promise(() => undefined),
    store: { save: async () => undefined, saveRoots: async () => undefined },
  });
  renewer.start();
  bed.clock.advance(90 * DAY_MS);
  t.true(waits.length > 24 * 45);
  t.true(Math.max(...waits) <= HOUR_MS);
});

test("failures: 5 s, 10 s, 20 s … an hour, one attempt at a time, and the certificate stays", async (t) => {
  const bed = new Bed({ validMs: -1000 });
  bed.random = 1;
  bed.renewer.start();
  const waits = [
    5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 3_600_000, 3_600_000,
  ];
  for (const [count, waitMs] of waits.entries()) {
    t.is(bed.asked.length, count + 1);
    await bed.refuse("no manager answers");
    t.deepEqual(bed.failures.at(-1), { message: "no manager answers", retryInMs: waitMs });
    bed.clock.advance(waitMs - 1);
    t.is(bed.asked.length, count + 1);
    bed.clock.advance(1);
  }
  t.is(bed.renewer.current, bed.first);
  await bed.grant();
  t.is(bed.heard.length, 1);
  // The count begins anew.
  void bed.renewer.renewNow();
  await bed.refuse("again");
  t.is(bed.failures.at(-1)?.retryInMs, 5_000);
});

test("at once when the manager asks for it: one request, whoever asks how often", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  const renewals = [bed.renewer.renewNow(), bed.renewer.renewNow(), bed.renewer.renewNow()];
  t.is(bed.asked.length, 1);
  await bed.grant();
  t.deepEqual(await Promise.all(renewals), [true, true, true]);
  t.is(bed.heard.length, 1);
  const more = bed.renewer.renewNow();
  t.is(bed.asked.length, 2);
  await bed.refuse("no");
  t.false(await more);
});

test("who insists after a failure is not let loose on the managers", async (t) => {
  const bed = new Bed();
  bed.random = 1;
  bed.renewer.start();
  void bed.renewer.renewNow();
  await bed.refuse("no");
  for (let count = 0; count < 10; count++) void bed.renewer.renewNow();
  t.is(bed.asked.length, 1);
  bed.clock.advance(2_500);
  t.is(bed.asked.length, 2, "but need not wait as long as one that does not");
});

test("an answer that does not come is given up, and its request told", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  const renewal = bed.renewer.renewNow();
  bed.clock.advance(119_999);
  t.false(bed.last.signal.aborted);
  bed.clock.advance(1);
  t.true(bed.last.signal.aborted);
  t.false(await renewal);
  t.regex(bed.failures[0]!.message, /no answer within 120 s/);
  // What comes after that is nobody's.
  await bed.grant();
  t.is(bed.saved.length, 0);
});

const WRONG: readonly (readonly [string, Partial<Issue>, string | undefined, RegExp])[] = [
  ["another node", { nodeId: "node2" }, undefined, /for node "node2", not for node1/],
  ["another cluster", { clusterId: "cluster2" }, undefined, /for cluster "cluster2", not for cluster1/],
  ["another role", { role: NodeRole.MANAGER }, undefined, /a "swarm-manager", not for a swarm-worker/],
  ["another root", { ca: next }, undefined, /does not chain to a trusted root/],
  ["expired", { validMs: -1000 }, undefined, /expired/],
  ["no roots", {}, "", /no certificate found/],
];

for (const [name, issue, rootCa, message] of WRONG) {
  test(`an answer that is wrong is not stored: ${name}`, async (t) => {
    const bed = new Bed();
    bed.renewer.start();
    const renewal = bed.renewer.renewNow();
    await bed.grant(issue, rootCa);
    t.false(await renewal);
    t.regex(bed.failures[0]!.message, message);
    t.is(bed.saved.length + bed.heard.length, 0);
    t.is(bed.renewer.current, bed.first);
  });
}

test("a certificate for another key is not stored", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  const renewal = bed.renewer.renewNow();
  bed.last.answer({
    certificate: answerTo(makeCsr().csrPem, { ca: root }),
    rootCa: root.certificatePem,
  });
  t.false(await renewal);
  t.regex(bed.failures[0]!.message, /not for the key that was asked for/);
});

test("while the disk takes nothing, nobody is told of a certificate that a restart would not know", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  bed.diskError = new Error("no space left on device");
  void bed.renewer.renewNow();
  await bed.grant();
  t.is(bed.failures[0]?.message, "no space left on device");
  t.is(bed.heard.length, 0);
  bed.diskError = undefined;
  bed.clock.advance(5_000);
  await bed.grant();
  t.is(bed.heard.length, 1);
});

test("from one root to the next: both are trusted, then the certificate turns, then the old one is forgotten", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  const both = root.certificatePem + next.certificatePem;
  await bed.renewer.trust(both);
  await bed.renewer.trust(both);
  t.deepEqual(bed.savedRoots, [both]);
  t.deepEqual(bed.heard.at(-1), { ...bed.first, rootPem: both });
  void bed.renewer.renewNow();
  const intermediatesPem = crossSign(next.certificatePem, root);
  await bed.grant({ ca: { ...next, intermediatesPem } }, both);
  t.is(bed.saved.length, 1);
  await bed.renewer.trust(next.certificatePem);
  t.is(bed.renewer.current.rootPem, next.certificatePem);
  t.is(bed.heard.length, 3);
});

test("roots that came while it asked are newer than the answer's", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  void bed.renewer.renewNow();
  const both = root.certificatePem + next.certificatePem;
  await bed.renewer.trust(both);
  await bed.grant();
  t.is(bed.renewer.current.rootPem, both);
});

test("so are those that are on their way to the disk when the answer comes", async (t) => {
  const bed = new Bed();
  const write = bed.holdDisk();
  bed.renewer.start();
  void bed.renewer.renewNow();
  const both = root.certificatePem + next.certificatePem;
  const trusted = bed.renewer.trust(both);
  await bed.grant();
  t.is(bed.saved[0]?.rootPem, both);
  write();
  await trusted;
  t.deepEqual(bed.renewer.current, bed.saved[0]!);
});

test("roots that the disk did not take are not trusted, and may come again", async (t) => {
  const bed = new Bed();
  const both = root.certificatePem + next.certificatePem;
  bed.diskError = new Error("no space left on device");
  await t.throwsAsync(bed.renewer.trust(both), { message: /no space/ });
  t.is(bed.renewer.current, bed.first);
  bed.diskError = undefined;
  await bed.renewer.trust(both);
  t.is(bed.renewer.current.rootPem, both);
});

test("a certificate that is near its end when it comes, as its root is, is not renewed over and over", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  void bed.renewer.renewNow();
  await bed.grant({ validMs: 60_000 });
  t.is(bed.heard.length, 1);
  await settled();
  t.is(bed.asked.length, 1);
  bed.clock.advance(60_000);
  t.is(bed.asked.length, 2);
});

test("stopped: the request is told, nothing rings any more, and later answers are nobody's", async (t) => {
  const bed = new Bed();
  bed.renewer.start();
  const renewal = bed.renewer.renewNow();
  await bed.renewer.stop();
  t.true(bed.last.signal.aborted);
  t.false(await renewal);
  await bed.grant();
  t.false(await bed.renewer.renewNow());
  await bed.renewer.trust(root.certificatePem + next.certificatePem);
  bed.clock.advance(100 * DAY_MS);
  t.is(bed.asked.length, 1);
  t.is(bed.clock.pending, 0);
  t.is(bed.saved.length + bed.heard.length + bed.failures.length + bed.savedRoots.length, 0);
});

test("stopped: roots that are on their way to the disk are stored to their end, also when they were heard of twice", async (t) => {
  const bed = new Bed();
  const write = bed.holdDisk();
  const both = root.certificatePem + next.certificatePem;
  const trusted = Promise.all([bed.renewer.trust(both), bed.renewer.trust(both)]);
  let isStopped = false;
  const stopped = bed.renewer.stop().then(() => {
    isStopped = true;
  });
  await settled();
  t.false(isStopped);
  write();
  await stopped;
  t.deepEqual(bed.savedRoots, [both]);
  await trusted;
});

test("stopped: roots that the disk does not take are no reason to fail", async (t) => {
  const bed = new Bed();
  bed.diskError = new Error("no space left on device");
  const trusted = t.throwsAsync(bed.renewer.trust(root.certificatePem + next.certificatePem));
  await bed.renewer.stop();
  await trusted;
});

test("a listener that went hears nothing", async (t) => {
  const bed = new Bed();
  const heard: NodeCertificate[] = [];
  const end = bed.renewer.onChange((certificate) => heard.push(certificate));
  end();
  await bed.renewer.trust(root.certificatePem + next.certificatePem);
  t.is(heard.length, 0);
  t.is(bed.heard.length, 1);
});
