import { Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { type CallerIdentity, CertificateIdentity, LocalIdentity } from "../../src/security/identity.js";

const SOCKET = "/run/tswarm/manager/swarmd.sock";
const others = new CertificateIdentity(() => "c1", { isRemoved: () => false, isManager: () => undefined });
const identity: CallerIdentity = new LocalIdentity(() => "self", others);

test("whoever may open the socket is this node's manager, whatever the call says of itself", (t) => {
  const metadata = new Metadata();
  metadata.set("forwarded_cert", "true");
  metadata.set("forwarded_cert_cn", "other");
  for (const context of [
    { path: "/x/Y", metadata: new Metadata(), peer: SOCKET, isLocal: true },
    { path: "/x/Y", metadata, peer: SOCKET, isLocal: true },
  ] as const) {
    t.deepEqual(identity.identify(context), { nodeId: "self", role: NodeRole.MANAGER, peer: SOCKET });
    t.deepEqual(identity.origin(context), { peer: SOCKET, caller: identity.identify(context) });
  }
});

test("a call that came by the network is looked at as any other, wherever it says that it came from", (t) => {
  for (const peer of [SOCKET, "unknown", "127.0.0.1:1"]) {
    const context = { path: "/x/Y", metadata: new Metadata(), peer };
    t.like(
      t.throws(() => identity.identify(context)),
      { code: status.PERMISSION_DENIED },
    );
    t.deepEqual(identity.origin(context), { peer, caller: undefined });
    const certificate = { nodeId: "n1", organizationalUnit: "swarm-worker", organization: "c1" };
    t.like(identity.identify({ ...context, certificate }), { nodeId: "n1", role: NodeRole.WORKER });
  }
});
