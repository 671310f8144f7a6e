import { Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { DeclaredIdentity, nodeIdMetadata } from "../../src/security/identity.js";

const MANAGER = "m".repeat(25);
const WORKER = "w".repeat(25);
const STRANGER = "s".repeat(25);

const identity = new DeclaredIdentity((id) => ({ [MANAGER]: NodeRole.MANAGER, [WORKER]: NodeRole.WORKER })[id]);

const from = (metadata: Metadata) => identity.identify({ path: "/x/Y", metadata, peer: "10.0.0.1:5" });

function forwarded(by: string, nodeId: string): Metadata {
  const metadata = nodeIdMetadata(by);
  metadata.set("forwarded_cert", "true");
  metadata.set("forwarded_cert_cn", nodeId);
  // Whoever forwards does not decide about roles.
  metadata.set("forwarded_cert_ou", "swarm-manager");
  metadata.set("remote_addr", "10.0.0.9:7");
  return metadata;
}

test("a node says who it is, the cluster says what it is", (t) => {
  t.like(from(nodeIdMetadata(MANAGER)), { nodeId: MANAGER, role: NodeRole.MANAGER, peer: "10.0.0.1:5" });
  t.like(from(nodeIdMetadata(WORKER)), { nodeId: WORKER, role: NodeRole.WORKER });
  t.like(from(nodeIdMetadata(STRANGER)), { nodeId: STRANGER, role: NodeRole.WORKER });
  t.like(
    t.throws(() => from(new Metadata())),
    { code: status.UNAUTHENTICATED },
  );
  t.like(
    t.throws(() => from(nodeIdMetadata("short"))),
    { code: status.UNAUTHENTICATED },
  );
});

test("managers alone speak for others", (t) => {
  const caller = { nodeId: WORKER, role: NodeRole.WORKER, peer: "10.0.0.9:7", forwardedBy: MANAGER };
  t.deepEqual(from(forwarded(MANAGER, WORKER)), caller);
  t.like(
    t.throws(() => from(forwarded(WORKER, MANAGER))),
    { code: status.PERMISSION_DENIED },
  );
  t.like(
    t.throws(() => from(forwarded(STRANGER, MANAGER))),
    { code: status.PERMISSION_DENIED },
  );
  t.like(
    t.throws(() => from(forwarded(MANAGER, ""))),
    { code: status.UNAUTHENTICATED },
  );
});
