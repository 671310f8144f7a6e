import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Server, status } from "@grpc/grpc-js";
import test from "ava";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { unary } from "../../src/api/server-call.js";
import { notFound } from "../../src/api/status-error.js";
import { SERVER_OPTIONS } from "../../src/api/transport-options.js";
import { selfSignedCertificate } from "../../src/security/pki/self-signed.js";
import { DeclaredIdentity, nodeIdMetadata } from "../../src/security/identity.js";
import { grpcTarget, serverCredentials, trustingCredentials } from "../../src/security/transport.js";

const NODE = "a".repeat(25);
const identity = new DeclaredIdentity((id) => (id === NODE ? NodeRole.MANAGER : undefined));

async function startServer(address: string): Promise<{ server: Server; port: number; defects: string[] }> {
  const defects: string[] = [];
  const server = new Server(SERVER_OPTIONS);
  server.addService(HealthService, {
    check: unary(
      (request: HealthCheckRequest, context) => {
        if (request.service === "who") throw notFound(identity.identify(context).nodeId);
        if (request.service === "defect") throw new TypeError("oops");
        return { status: HealthCheckResponse_ServingStatus.SERVING };
      },
      (line) => defects.push(line),
    ),
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
  const check = (service: string, nodeId = NODE) =>
    callUnary(client, HealthService.check, HealthCheckRequest.fromPartial({ service }), {
      timeoutMs: 5000,
      metadata: nodeIdMetadata(nodeId),
    });
  t.is((await check("")).status, HealthCheckResponse_ServingStatus.SERVING);
  t.like(await t.throwsAsync(check("who")), { code: status.NOT_FOUND, details: NODE });
  t.like(await t.throwsAsync(check("who", "me")), { code: status.UNAUTHENTICATED });
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
  const settings = { timeoutMs: 5000 };
  const answer = await callUnary(client, HealthService.check, HealthCheckRequest.fromPartial({}), settings);
  t.is(answer.status, HealthCheckResponse_ServingStatus.SERVING);
  const protocol = await new Promise((resolve, reject) => {
    const socket = connect({ path, rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      resolve(socket.alpnProtocol);
      socket.destroy();
    });
    socket.on("error", reject);
  });
  t.is(protocol, "h2");
});
