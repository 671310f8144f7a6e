import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Server, status } from "@grpc/grpc-js";
import test from "ava";
import { localAdmission } from "../../src/api/authorization/admission.js";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { unary } from "../../src/api/server-call.js";
import { notFound } from "../../src/api/status-error.js";
import { SERVER_OPTIONS } from "../../src/api/transport-options.js";
import { CertificateIdentity, LocalIdentity } from "../../src/security/identity.js";
import { selfSignedCertificate } from "../../src/security/pki/self-signed.js";
import { grpcTarget, serverCredentials, trustingCredentials } from "../../src/security/transport.js";

const NODE = "a".repeat(25);
const nodes = { isRemoved: () => false, isManager: () => true };
const identity = new LocalIdentity(() => NODE, new CertificateIdentity(() => "c", nodes));

async function startServer(address: string): Promise<{ server: Server; port: number; defects: string[] }> {
  const defects: string[] = [];
  const log = (line: string) => defects.push(line);
  const isLocal = address.startsWith("unix:");
  const interceptors = isLocal ? [localAdmission(address.slice("unix:".length), log)] : [];
  const server = new Server({ ...SERVER_OPTIONS, interceptors });
  server.addService(HealthService, {
    check: unary((request: HealthCheckRequest, context) => {
      if (request.service === "who") {
        const { nodeId, peer } = identity.identify(context);
        throw notFound(`${nodeId} at ${peer}`);
      }
      if (request.service === "defect") throw new TypeError("oops");
      return { status: HealthCheckResponse_ServingStatus.SERVING };
    }, log),
  });
  const subject = {
    organization: "c",
    organizationalUnit: "swarm-manager",
    commonName: NODE,
    dnsNames: ["swarm-manager"],
  };
  const credentials = serverCredentials(selfSignedCertificate(subject, Date.now()));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return { server, port, defects };
}

test("TLS on TCP: answers, typed errors, defects and missing identities arrive as their codes", async (t) => {
  const { server, port, defects } = await startServer("127.0.0.1:0");
  const client = openChannel(grpcTarget(`127.0.0.1:${port}`), trustingCredentials());
  t.teardown(() => {
    client.close();
    server.forceShutdown();
  });
  const check = (service: string) =>
    callUnary(client, HealthService.check, HealthCheckRequest.fromPartial({ service }), { timeoutMs: 30_000 });
  t.is((await check("")).status, HealthCheckResponse_ServingStatus.SERVING);
  t.like(await t.throwsAsync(check("who")), { code: status.PERMISSION_DENIED });
  t.like(await t.throwsAsync(check("defect")), { code: status.INTERNAL, details: "internal error: oops" });
  t.regex(defects.join(), /Health\/Check: TypeError: oops/);
});

test("TLS on a unix socket, with h2 in ALPN as other clients expect", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "tsw-transport-"));
  const path = join(dir, "control.sock");
  const { server } = await startServer(`unix:${path}`);
  const client = openChannel(grpcTarget(path), trustingCredentials());
  t.teardown(() => {
    client.close();
    server.forceShutdown();
    rmSync(dir, { recursive: true });
  });
  const settings = { timeoutMs: 30_000 };
  const answer = await callUnary(client, HealthService.check, HealthCheckRequest.fromPartial({}), settings);
  t.is(answer.status, HealthCheckResponse_ServingStatus.SERVING);
  const who = callUnary(client, HealthService.check, HealthCheckRequest.fromPartial({ service: "who" }), settings);
  t.like(await t.throwsAsync(who), { code: status.NOT_FOUND, details: `${NODE} at ${path}` });
  const protocol = await new Promise((resolve, reject) => {
    const socket = connect({ path, rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      resolve(socket.alpnProtocol);
      socket.destroy();
    });
    socket.on("error", reject);
  });
  t.is(protocol, "h2");
});
