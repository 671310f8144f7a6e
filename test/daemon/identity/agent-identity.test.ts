/** The agent's certificate over its life: whom it asks, when, and what it says when nobody can help. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { localAdmission } from "../../../src/api/authorization/admission.js";
import { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService, type RenewCertificateRequest } from "../../../src/api/generated/tswarm/v1/identity.js";
import { partialService } from "../../../src/api/partial-service.js";
import { unary } from "../../../src/api/server-call.js";
import { StatusError, unavailable } from "../../../src/api/status-error.js";
import { AgentIdentity } from "../../../src/daemon/identity/agent-identity.js";
import { CertificateStore } from "../../../src/security/node-certificate/certificate-store.js";
import { issueCertificate } from "../../../src/security/pki/issue.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { selfSignedCertificate } from "../../../src/security/pki/self-signed.js";
import { serverCredentials } from "../../../src/security/transport.js";
import { ManualClock } from "../../manager/manual-clock.js";
import { Authority } from "../../security/authority.js";

const NODE = "agent".padEnd(25, "0");
const MANAGER = "manager".padEnd(25, "0");
const DAY_MS = 86_400_000;

type Answer = (request: RenewCertificateRequest) => { readonly certificate: string; readonly rootCa: string };

async function serve(t: ExecutionContext, address: string, answer: Answer, authority?: Authority): Promise<string> {
  const log = (line: string) => t.log(line);
  const isLocal = authority === undefined;
  const server = new Server(isLocal ? { interceptors: [localAdmission(address, log)] } : {});
  const renew = unary((request: RenewCertificateRequest) => {
    const { certificate, rootCa } = answer(request);
    return { certificate: Buffer.from(certificate), rootCa: Buffer.from(rootCa) };
  }, log);
  const built = { renew } as unknown as UntypedServiceImplementation;
  server.addService(NodeIdentityService, partialService(NodeIdentityService, built, log));
  const credentials = authority
    ? serverCredentials(authority.certificate(MANAGER, NodeRole.MANAGER))
    : serverCredentials(selfSignedCertificate({ dnsNames: ["swarm-manager"] }, Date.now()));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(isLocal ? `unix:${address}` : address, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  t.teardown(() => server.forceShutdown());
  return isLocal ? address : `127.0.0.1:${port}`;
}

interface BedOptions {
  /** How long the node's certificate is still valid, ms; negative: it has expired. */
  readonly leftMs?: number;
  readonly managers?: readonly string[];
  readonly localManager?: string;
}

async function agent(t: ExecutionContext, authority: Authority, options: BedOptions) {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-agent-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const clock = new ManualClock(Date.now());
  const store = CertificateStore.at(folder);
  const untilMs = clock.now() + (options.leftMs ?? 30 * DAY_MS);
  const certificate = authority.certificate(NODE, NodeRole.WORKER, { fromMs: clock.now() - DAY_MS, untilMs });
  await store.save(certificate);
  const lines: string[] = [];
  const wakes: (() => void)[] = [];
  const identity = new AgentIdentity(certificate, {
    store,
    localManager: () => options.localManager,
    managers: () => options.managers ?? [],
    clock,
    random: () => 0.5,
    log: (line) => {
      lines.push(line);
      for (const wake of wakes) wake();
    },
  });
  t.teardown(() => identity.stop());
  const until = (text: RegExp) =>
    new Promise<void>((resolve) => {
      const look = () => lines.some((line) => text.test(line)) && resolve();
      wakes.push(look);
      look();
    });
  return {
    identity,
    clock,
    lines,
    until,
    before: certificate,
    file: () => readFileSync(join(folder, "swarm-node.crt"), "utf8"),
  };
}

const signing =
  (authority: Authority, root = authority.root): Answer =>
  ({ role, csr }) => ({
    certificate: issueCertificate({
      ca: root,
      csr,
      nodeId: NODE,
      role,
      clusterId: authority.clusterId,
      notBeforeMs: Date.now() - 1000,
      notAfterMs: Date.now() + 60 * DAY_MS,
    }),
    rootCa: root.certificatePem,
  });

test("it is renewed in its time, by any manager that answers, and shown from then on", async (t) => {
  const authority = new Authority();
  const busy = await serve(
    t,
    "127.0.0.1:0",
    () => {
      throw unavailable("nobody leads");
    },
    authority,
  );
  const good = await serve(t, "127.0.0.1:0", signing(authority), authority);
  const { identity, clock, until, before, file } = await agent(t, authority, { managers: ["127.0.0.1:1", busy, good] });
  identity.start();
  t.is(identity.tls.current?.certificatePem, before.certificatePem);
  // At once: the question that it asks then takes real time, and has none to run out of.
  clock.sleep(20 * DAY_MS);
  await until(/^this node's certificate is valid until /);
  t.not(identity.certificate.certificatePem, before.certificatePem);
  t.is(identity.tls.current?.certificatePem, identity.certificate.certificatePem);
  t.is(file(), identity.certificate.certificatePem);
});

test("the cluster asks for another one: once, however often it says so", async (t) => {
  const authority = new Authority();
  let asked = 0;
  const address = await serve(
    t,
    "127.0.0.1:0",
    (request) => {
      asked++;
      return signing(authority)(request);
    },
    authority,
  );
  const { identity, until, before } = await agent(t, authority, { managers: [address] });
  identity.start();
  const rotate = Node.fromPartial({
    id: NODE,
    certificate: { status: { state: Issuance.ROTATE }, certificate: Buffer.from(before.certificatePem) },
  });
  identity.onNode(Node.fromPartial({ id: NODE, certificate: { status: { state: Issuance.ISSUED } } }));
  identity.onNode(rotate);
  identity.onNode(rotate);
  await until(/^this node's certificate is valid until /);
  identity.onNode(rotate);
  t.is(asked, 1);
});

test("other roots are trusted as the cluster trusts them; where its own certificate is none of theirs it asks for another", async (t) => {
  const authority = new Authority();
  const next = makeRootCa(Date.now());
  const address = await serve(t, "127.0.0.1:0", signing(authority, next), authority);
  const { identity, until, before } = await agent(t, authority, { managers: [address] });
  identity.start();
  const both = `${authority.root.certificatePem}${next.certificatePem}`;
  identity.onRoots(both);
  while (identity.tls.current?.rootPem !== both) await new Promise((resolve) => setImmediate(resolve));
  t.is(identity.certificate.certificatePem, before.certificatePem);
  identity.onRoots(next.certificatePem);
  await until(/^this node's certificate is valid until /);
  t.is(identity.certificate.rootPem, next.certificatePem);
});

test("one that has expired says so and what to do, and is refused by managers", async (t) => {
  const authority = new Authority();
  const { identity, lines, until } = await agent(t, authority, { leftMs: -1000, managers: ["127.0.0.1:1"] });
  identity.start();
  t.regex(
    identity.problem ?? "",
    /^this node's certificate has expired \(\S+\): .*"tsctl leave", then join again with a token$/,
  );
  await until(/next try in \d+ s$/);
  t.is(lines[0], identity.problem);
});

test("one that has expired is renewed by the node's own manager, where it has one", async (t) => {
  const authority = new Authority();
  const folder = mkdtempSync(join(tmpdir(), "tswarm-agent-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const localManager = await serve(t, join(folder, "control.sock"), signing(authority));
  const { identity, until } = await agent(t, authority, { leftMs: -1000, localManager });
  identity.start();
  await until(/^this node's certificate is valid until /);
  t.is(identity.problem, undefined);
});

test("for its manager it asks with its own certificate, and passes on what it is told", async (t) => {
  const authority = new Authority();
  const { identity } = await agent(t, authority, {
    managers: [
      await serve(
        t,
        "127.0.0.1:0",
        ({ role }) => {
          throw new StatusError(status.PERMISSION_DENIED, `no role ${role}`);
        },
        authority,
      ),
    ],
  });
  await t.throwsAsync(identity.issueManagerCertificate(Buffer.from("csr")), {
    name: "StatusError",
    message: "no role 1",
  });
});
