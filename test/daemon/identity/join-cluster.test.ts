/** A node's first call: what it believes, what it gives away, and how it is refused. */
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { CAService, NodeCAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../../src/api/generated/tswarm/v1/identity.js";
import { partialService } from "../../../src/api/partial-service.js";
import { unary } from "../../../src/api/server-call.js";
import { StatusError, unavailable } from "../../../src/api/status-error.js";
import { type JoinOptions, joinCluster } from "../../../src/daemon/identity/join-cluster.js";
import { certificateFacts } from "../../../src/security/pki/certificate-facts.js";
import { issueCertificate } from "../../../src/security/pki/issue.js";
import { joinToken } from "../../../src/security/pki/join-token.js";
import type { TlsIdentity } from "../../../src/security/tls/tls-identity.js";
import { Authority, CLUSTER } from "../../security/authority.js";

const NODE = "joiner".padEnd(25, "0");
const MANAGER = "manager".padEnd(25, "0");
const DAY_MS = 86_400_000;

interface Manager {
  readonly address: string;
  /** Tokens that it has seen. */
  readonly tokens: string[];
}

interface Behaviour {
  /** What it shows. */
  readonly identity: TlsIdentity;
  /** What it gives out as its root. */
  readonly rootPem: string;
  readonly join?: (csr: string, token: string) => { readonly certificate: string; readonly rootPem: string };
  /** As SwarmKit's managers do. */
  readonly issue?: (csr: string) => string;
}

/** A manager as far as a joiner meets it, at a real port. */
async function manager(t: ExecutionContext, { identity, rootPem, join, issue }: Behaviour): Promise<Manager> {
  const tokens: string[] = [];
  const log = (line: string) => t.log(line);
  const server = new Server();
  const add = (definition: typeof CAService | typeof NodeCAService | typeof NodeIdentityService, built: object) =>
    server.addService(definition, partialService(definition, built as UntypedServiceImplementation, log));
  add(CAService, { getRootCaCertificate: unary(() => ({ certificate: Buffer.from(rootPem) }), log) });
  let issued = "";
  const swarmKit = {
    issueNodeCertificate: unary(({ csr, token }: { csr: Buffer; token: string }) => {
      tokens.push(token);
      issued = issue!(csr.toString());
      return { nodeId: NODE, nodeMembership: 1 };
    }, log),
    nodeCertificateStatus: unary(
      () => ({
        status: { state: Issuance.ISSUED, err: "" },
        certificate: { role: NodeRole.WORKER, csr: Buffer.alloc(0), certificate: Buffer.from(issued), cn: NODE },
      }),
      log,
    ),
  };
  if (issue) add(NodeCAService, swarmKit);
  const identityService = {
    join: unary(({ csr, token }: { csr: Buffer; token: string }) => {
      tokens.push(token);
      const { certificate, rootPem: roots } = join!(csr.toString(), token);
      const managers = [{ peer: { nodeId: MANAGER, addr: "10.0.0.1:2377" }, weight: 1 }];
      return { nodeId: NODE, role: 1, certificate: Buffer.from(certificate), rootCa: Buffer.from(roots), managers };
    }, log),
  };
  if (join) add(NodeIdentityService, identityService);
  const { certificatePem, keyPem } = identity.current!;
  const pair = { cert_chain: Buffer.from(certificatePem), private_key: Buffer.from(keyPem) };
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(null, [pair], false), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  t.teardown(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, tokens };
}

const options = (t: ExecutionContext, token: string, ...addresses: readonly string[]): JoinOptions => ({
  token,
  addresses,
  availability: 0,
  random: () => 0,
  log: (line) => t.log(line),
});

function signed(authority: Authority, csr: string, nodeId = NODE, role = NodeRole.WORKER): string {
  const { clusterId, root } = authority;
  const times = { notBeforeMs: Date.now() - 1000, notAfterMs: Date.now() + DAY_MS };
  return issueCertificate({ ca: root, csr, nodeId, role, clusterId, ...times });
}

const honest = (authority: Authority): Behaviour => ({
  identity: authority.manager(MANAGER),
  rootPem: authority.root.certificatePem,
  join: (csr) => ({ certificate: signed(authority, csr), rootPem: authority.root.certificatePem }),
});

test("a node that has a token gets an id, a certificate of its own key, roots and managers", async (t) => {
  const authority = new Authority();
  const token = joinToken(authority.root.certificatePem);
  const { address, tokens } = await manager(t, honest(authority));
  const joined = await joinCluster(options(t, token, "127.0.0.1:1", address));
  t.like(joined, { nodeId: NODE, role: NodeRole.MANAGER, managers: [{ nodeId: MANAGER, address: "10.0.0.1:2377" }] });
  t.like(certificateFacts(joined.certificate.certificatePem).subject, { commonName: NODE, organization: CLUSTER });
  t.regex(joined.certificate.keyPem, /^-----BEGIN PRIVATE KEY-----/);
  t.deepEqual(tokens, [token]);
});

test("a manager with a root of its own never sees the token", async (t) => {
  const [authority, fake] = [new Authority(), new Authority()];
  const token = joinToken(authority.root.certificatePem);
  const { address, tokens } = await manager(t, honest(fake));
  await t.throwsAsync(joinCluster(options(t, token, address)), {
    name: "ForeignClusterError",
    message:
      /^remote CA does not match fingerprint\. Expected: [0-9a-f]{64}: the manager at 127\.0\.0\.1:\d+ is of another cluster/,
  });
  t.deepEqual(tokens, []);
});

test("nor does one that shows the right root, which anybody can have, without a key of it", async (t) => {
  const [authority, fake] = [new Authority(), new Authority()];
  const { certificatePem: rootPem } = authority.root;
  const token = joinToken(rootPem);
  const imposter = await manager(t, { ...honest(fake), rootPem });
  const real = await manager(t, honest(authority));
  const joined = await joinCluster(options(t, token, imposter.address, real.address));
  t.is(joined.nodeId, NODE);
  t.deepEqual(imposter.tokens, []);
  t.deepEqual(real.tokens, [token]);
});

test("nor a worker of the cluster that plays a manager", async (t) => {
  const authority = new Authority();
  const token = joinToken(authority.root.certificatePem);
  const worker = await manager(t, { ...honest(authority), identity: authority.worker(NODE) });
  const real = await manager(t, honest(authority));
  await joinCluster(options(t, token, worker.address, real.address));
  t.deepEqual(worker.tokens, []);
});

const answers: readonly (readonly [string, (authority: Authority, csr: string) => string, RegExp])[] = [
  ["another node's", (authority, csr) => signed(authority, csr, MANAGER), /of node |manager0|names/],
  ["a manager's", (authority, csr) => signed(authority, csr, NODE, NodeRole.MANAGER), /swarm-manager|role/],
  ["for another key", (authority) => authority.certificate(NODE, NodeRole.WORKER).certificatePem, /not for the key/],
  ["of another root", (_, csr) => signed(new Authority(), csr), /does not chain to a trusted root/],
];

for (const [title, certificate, message] of answers) {
  test(`a certificate that is ${title} is not taken`, async (t) => {
    const authority = new Authority();
    const { certificatePem: rootPem } = authority.root;
    const join = (csr: string) => ({ certificate: certificate(authority, csr), rootPem });
    const { address } = await manager(t, { ...honest(authority), join });
    await t.throwsAsync(joinCluster(options(t, joinToken(rootPem), address)), { name: "CertificateError", message });
  });
}

test("what the cluster says of the token is said as it is, at once", async (t) => {
  const authority = new Authority();
  const token = joinToken(authority.root.certificatePem);
  const words = "A valid join token is necessary to join this cluster";
  const join = () => {
    throw new StatusError(status.INVALID_ARGUMENT, words);
  };
  const { address, tokens } = await manager(t, { ...honest(authority), join });
  await t.throwsAsync(joinCluster(options(t, token, address)), { name: "StatusError", message: words });
  t.is(tokens.length, 1);
});

test("who is asked to wait asks again, with the same key", async (t) => {
  const authority = new Authority();
  const keys = new Set<string>();
  let left = 2;
  const join = (csr: string) => {
    keys.add(csr);
    if (left-- > 0) throw unavailable("the leader is away");
    return { certificate: signed(authority, csr), rootPem: authority.root.certificatePem };
  };
  const { address, tokens } = await manager(t, { ...honest(authority), join });
  await joinCluster(options(t, joinToken(authority.root.certificatePem), address));
  t.is(tokens.length, 3);
  t.is(keys.size, 1);
});

test("a SwarmKit manager is spoken to in its own words", async (t) => {
  const authority = new Authority();
  const { certificatePem: rootPem } = authority.root;
  const behaviour = { identity: authority.manager(MANAGER), rootPem, issue: (csr: string) => signed(authority, csr) };
  const { address, tokens } = await manager(t, behaviour);
  const joined = await joinCluster(options(t, joinToken(rootPem), address));
  t.like(joined, { nodeId: NODE, role: NodeRole.WORKER, certificate: { rootPem } });
  t.is(tokens.length, 1);
});

test("what is no token is not shown, and nobody is asked", async (t) => {
  const error = await t.throwsAsync(joinCluster(options(t, "SWMTKN-1-secret", "127.0.0.1:1")), {
    name: "JoinTokenError",
  });
  t.false(error?.message.includes("secret"));
});
