/** Authorities that are not as they should be: each is left for the next, and what they say never becomes a certificate. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { Cluster } from "../../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../../../src/api/generated/docker/swarmkit/v1/types.js";
import { freshRoot } from "../../../../src/manager/ca/cluster-root.js";
import { ExternalAuthority } from "../../../../src/manager/ca/external/external-authority.js";
import type { Signed } from "../../../../src/manager/ca/signing.js";
import { checkChain } from "../../../../src/security/pki/chain.js";
import { makeCsr, readCsr } from "../../../../src/security/pki/csr.js";
import { issueCertificate } from "../../../../src/security/pki/issue.js";
import { makeRootCa } from "../../../../src/security/pki/root-ca.js";
import { OpenSsl } from "../../../security/pki/openssl.js";
import { ManualClock } from "../../manual-clock.js";
import { serverCertificate } from "./cfssl-server.js";

const CLUSTER_ID = "c".repeat(25);
const NODE_ID = "n".repeat(25);
const root = makeRootCa(Date.now());
const { csrPem } = makeCsr();
const request = { nodeId: NODE_ID, role: NodeRole.WORKER, csrPem, csr: readCsr(csrPem) };

interface Asked {
  readonly certificate_request: string;
  readonly subject: { readonly CN: string };
  readonly hosts: readonly string[];
}

type Behaviour = (asked: Asked, response: ServerResponse, clock: ManualClock) => void;

const answer = (response: ServerResponse, certificate: unknown, status = 200) => {
  response.statusCode = status;
  response.end(JSON.stringify({ success: true, result: { certificate }, errors: [] }));
};

function signed(asked: Asked, more: Partial<Parameters<typeof issueCertificate>[0]> = {}): string {
  return issueCertificate({
    ca: root,
    csr: asked.certificate_request,
    nodeId: asked.subject.CN,
    role: NodeRole.WORKER,
    clusterId: CLUSTER_ID,
    notBeforeMs: Date.now() - 3_600_000,
    notAfterMs: Date.now() + 3_600_000,
    ...more,
  });
}

const good: Behaviour = (asked, response) => answer(response, signed(asked));

/** Authorities of the root, that do as they are told; asked in their order. */
class Bed {
  readonly clock = new ManualClock(Date.now());
  readonly authority = new ExternalAuthority({ clock: this.clock, own: () => undefined });
  readonly urls: string[] = [];
  asked = 0;
  readonly #servers: Server[] = [];

  static async start(t: ExecutionContext, behaviours: readonly Behaviour[], serverRoot = root): Promise<Bed> {
    const bed = new Bed();
    t.teardown(() => bed.#stop());
    const { certificatePem: cert, keyPem: key } = serverCertificate(new OpenSsl(t), serverRoot, "stub");
    for (const behaviour of behaviours) {
      const server = createServer({ cert, key }, (call, response) => bed.#answer(behaviour, call, response));
      bed.#servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      bed.urls.push(`https://127.0.0.1:${(server.address() as AddressInfo).port}/sign`);
    }
    return bed;
  }

  async sign(): Promise<Signed> {
    const cluster = Cluster.fromPartial({
      id: CLUSTER_ID,
      rootCa: freshRoot(root.certificatePem, undefined, 0),
      spec: { caConfig: { externalCas: this.urls.map((url) => ({ url })) } },
    });
    const [outcome] = await this.authority.sign(cluster, [request]);
    return outcome!;
  }

  #answer(behaviour: Behaviour, call: IncomingMessage, response: ServerResponse): void {
    this.asked++;
    let body = "";
    call.on("data", (chunk) => {
      body += chunk;
    });
    call.on("end", () => behaviour(JSON.parse(body) as Asked, response, this.clock));
  }

  async #stop(): Promise<void> {
    this.authority.stop();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

const faults: readonly (readonly [what: string, behaviour: Behaviour, text: RegExp])[] = [
  ["it fails", (_, response) => answer(response, "", 500), /status 500/],
  [
    "it refuses, and says why",
    (_, response) => response.end(JSON.stringify({ success: false, errors: [{ code: 1, message: "not today" }] })),
    /it refuses: not today$/,
  ],
  [
    "it says so much that one would not read it",
    (_, response) => response.end(JSON.stringify({ success: false, errors: [{ message: "x".repeat(10_000) }] })),
    /^.{0,500}$/,
  ],
  ["its answer is no JSON", (_, response) => response.end("<html>"), /no JSON/],
  ["its answer is null", (_, response) => response.end("null"), /no JSON/],
  ["its answer holds nothing", (_, response) => answer(response, undefined), /no certificate/],
  ["its answer holds something else", (_, response) => answer(response, { a: 1 }), /no certificate/],
  ["its answer is no certificate", (_, response) => answer(response, "nonsense"), /refused: .*certificate/],
  ["its answer has no end", (_, response) => response.end(Buffer.alloc(300 * 1024, " ")), /more than 262144 bytes/],
  [
    "it sends elsewhere",
    (_, response) => response.writeHead(302, { location: "https://127.0.0.1:1/" }).end(),
    /status 302/,
  ],
  ["it hangs up", (_, response) => response.destroy(), /socket hang up|ECONNRESET/],
  ["it never answers", (_, __, clock) => clock.advance(5000), /no answer within 5000 ms/],
  [
    "it signs another key",
    (asked, response) => answer(response, signed(asked, { csr: makeCsr().csrPem })),
    /signed another key/,
  ],
  [
    "it signs for another node",
    (asked, response) => answer(response, signed(asked, { nodeId: "o".repeat(25) })),
    /is for node/,
  ],
  [
    "it makes a manager of a worker",
    (asked, response) => answer(response, signed(asked, { role: NodeRole.MANAGER })),
    /swarm-manager/,
  ],
  [
    "it signs for another cluster",
    (asked, response) => answer(response, signed(asked, { clusterId: "d".repeat(25) })),
    /is for cluster/,
  ],
  [
    "it has another root",
    (asked, response) => answer(response, signed(asked, { ca: makeRootCa(Date.now()) })),
    /does not chain to a trusted root/,
  ],
  [
    "what it signs has expired",
    (asked, response) => answer(response, signed(asked, { notAfterMs: Date.now() - 60_000 })),
    /expired/,
  ],
];

for (const [what, behaviour, text] of faults) {
  test(`${what}: no certificate, and the next one is asked`, async (t) => {
    const alone = await Bed.start(t, [behaviour]);
    const outcome = await alone.sign();
    t.is(outcome.kind, "failed");
    t.regex(outcome.kind === "failed" ? outcome.reason : "", text);
    t.is(alone.clock.pending, 0);

    const two = await Bed.start(t, [behaviour, good]);
    const second = await two.sign();
    t.is(second.kind, "signed", JSON.stringify(second));
    t.is(two.asked, 2);
    const certificatePem = second.kind === "signed" ? second.chainPem : "";
    t.notThrows(() => checkChain({ certificatePem, rootPem: root.certificatePem, nowMs: two.clock.now() }));
  });
}

test("who cannot show a certificate of the root is not told of the request", async (t) => {
  const bed = await Bed.start(t, [good], makeRootCa(Date.now()));
  const outcome = await bed.sign();
  t.is(outcome.kind, "failed");
  t.is(bed.asked, 0);
});

test("nobody to ask", async (t) => {
  const bed = await Bed.start(t, []);
  t.deepEqual(await bed.sign(), { kind: "failed", reason: "there is no external CA URL for the cluster's root" });
});

test("an authority that listens is reachable; one of another root, or without TLS, or that is not there, is none", async (t) => {
  const bed = await Bed.start(t, [good]);
  const look = (url: string, rootPem = root.certificatePem) =>
    bed.authority.isReachable({ protocol: 0, url, options: {}, caCert: Buffer.alloc(0) }, rootPem);
  const url = bed.urls[0]!;
  t.true(await look(url));
  t.false(await look(url, makeRootCa(Date.now()).certificatePem));
  t.false(await look(url.replace("https:", "http:")));
  t.false(await look("https://127.0.0.1:1/sign"));
  t.false(await look("nonsense"));
  t.is(bed.clock.pending, 0);
});
