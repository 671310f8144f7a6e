/** The bench's server, a process of its own: its CPU time is what a manager pays. Told by its parent; answers with what it has used. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthService } from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { unary } from "../../src/api/server-call.js";
import { SERVER_OPTIONS } from "../../src/api/transport-options.js";
import { RemoteServer } from "../../src/manager/serving/remote-server.js";
import { CertificateIdentity } from "../../src/security/identity.js";
import type { NodeCertificate } from "../../src/security/node-certificate/node-certificate.js";
import { TlsIdentity } from "../../src/security/tls/tls-identity.js";

export interface ServerReply {
  /** Of the port for nodes. */
  readonly port: number;
  /** Of a gRPC server with the same service, TLS and nothing else. */
  readonly plainPort: number;
  readonly cpuMs: number;
  readonly counts: unknown;
}

const log = (line: string) => console.error(line);
const implementation = { check: unary(() => ({ status: 1 }), log) };

async function start(certificate: NodeCertificate): Promise<() => ServerReply> {
  const identity = new TlsIdentity(certificate);
  const nodes = { isRemoved: () => false, isManager: () => true };
  const callers = new CertificateIdentity(() => identity.subject?.organization, nodes);
  const limits = { perNode: 1e6, handshakes: 1e6, handshakesPerAddress: 1e6, anonymousPerAddress: 1e6 };
  const remote = new RemoteServer({ identity, callers, limits, log });
  remote.addService(HealthService, implementation);
  const port = await remote.listen("127.0.0.1:0");
  const plain = new Server({ ...SERVER_OPTIONS, "grpc.enable_channelz": 0 });
  plain.addService(HealthService, implementation);
  const [cert_chain, private_key] = [Buffer.from(certificate.certificatePem), Buffer.from(certificate.keyPem)];
  const credentials = ServerCredentials.createSsl(Buffer.from(certificate.rootPem), [{ cert_chain, private_key }]);
  const plainPort = await new Promise<number>((resolve, reject) => {
    plain.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return () => {
    const { user, system } = process.cpuUsage();
    return { port, plainPort, cpuMs: (user + system) / 1000, counts: remote.counts };
  };
}

let reply: (() => ServerReply) | undefined;
process.on("message", async (message: NodeCertificate | "look") => {
  if (message !== "look") reply = await start(message);
  process.send!(reply!());
});
process.on("disconnect", () => process.exit());
