import { Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import { AUTHORIZATION_RULES } from "../../src/api/generated/authorization-rules.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { AllowedRoles } from "../../src/api/generated/tswarm/v1/authorization.js";
import type { CertificateSubject } from "../../src/api/peer-certificate.js";
import type { CallContext } from "../../src/api/server-call.js";
import { StatusError } from "../../src/api/status-error.js";
import { isForMembers } from "../../src/raft/transport/raft-services.js";
import { Authorizer } from "../../src/security/authorizer.js";
import { CertificateIdentity } from "../../src/security/identity.js";

const CLUSTER = "c1";
const subject = (nodeId: string, organizationalUnit: string, organization = CLUSTER): CertificateSubject => ({
  nodeId,
  organizationalUnit,
  organization,
});

const nodes = {
  isRemoved: (nodeId: string) => nodeId === "removed",
  isManager: (nodeId: string) => ({ m1: true, demoted: false })[nodeId],
};
const identity = new CertificateIdentity(() => CLUSTER, nodes);
const authorizer = new Authorizer(identity, isForMembers);

const CALLERS: Readonly<Record<string, CertificateSubject | undefined>> = {
  nobody: undefined,
  worker: subject("w1", "swarm-worker"),
  manager: subject("m1", "swarm-manager"),
  "manager that is not known here": subject("m9", "swarm-manager"),
  "worker's certificate of a manager": subject("m1", "swarm-worker"),
  "demoted manager": subject("demoted", "swarm-manager"),
  removed: subject("removed", "swarm-manager"),
  "of another cluster": subject("m1", "swarm-manager", "c2"),
  "of no cluster": subject("m1", "swarm-manager", ""),
  "of no role": subject("m1", ""),
  "of two roles": subject("m1", "swarm-manager,swarm-worker"),
  "without a name": subject("", "swarm-manager"),
};

const ALLOWED: Readonly<Record<string, readonly AllowedRoles[]>> = {
  nobody: [AllowedRoles.ANYONE],
  worker: [AllowedRoles.ANYONE, AllowedRoles.WORKER_OR_MANAGER],
  manager: [AllowedRoles.ANYONE, AllowedRoles.WORKER_OR_MANAGER, AllowedRoles.MANAGER_ONLY],
  "manager that is not known here": [AllowedRoles.ANYONE, AllowedRoles.WORKER_OR_MANAGER, AllowedRoles.MANAGER_ONLY],
  "worker's certificate of a manager": [AllowedRoles.ANYONE, AllowedRoles.WORKER_OR_MANAGER],
  "demoted manager": [AllowedRoles.ANYONE, AllowedRoles.WORKER_OR_MANAGER],
};

function admits(context: CallContext): boolean {
  try {
    authorizer.admit(context);
    return true;
  } catch (error) {
    if (error instanceof StatusError && error.code === status.PERMISSION_DENIED) return false;
    throw error;
  }
}

for (const [name, certificate] of Object.entries(CALLERS)) {
  test(`every RPC, called by: ${name}`, (t) => {
    for (const [path, rule] of Object.entries(AUTHORIZATION_RULES)) {
      const context = { path, metadata: new Metadata(), peer: "10.0.0.1:1", ...(certificate ? { certificate } : {}) };
      const learnsOfItsRemoval = name === "demoted manager" && isForMembers(path);
      const expected = learnsOfItsRemoval || (ALLOWED[name] ?? []).includes(rule);
      t.is(admits(context), expected, path);
    }
    const context = { path: "/x.Y/Z", metadata: new Metadata(), peer: "", ...(certificate ? { certificate } : {}) };
    t.false(admits(context), "a path without a rule");
  });
}

test("the origin of a call that needs no certificate", (t) => {
  const context = { path: "/x", metadata: new Metadata(), peer: "10.0.0.1:1" };
  t.deepEqual(identity.origin(context), { peer: "10.0.0.1:1", caller: undefined });
  t.throws(() => identity.identify(context), { message: /no client certificates in request/ });
  const metadata = new Metadata();
  metadata.set("forwarded_cert", "true");
  metadata.set("forwarded_cert_cn", "");
  metadata.set("forwarded_cert_org", "");
  metadata.set("remote_addr", "10.0.0.7:9");
  const forwarded = { ...context, metadata, certificate: subject("m1", "swarm-manager") };
  t.deepEqual(identity.origin(forwarded), { peer: "10.0.0.7:9", caller: undefined });
  t.throws(() => identity.identify(forwarded), { message: /no client certificates in request/ });
  const known = identity.origin({ ...context, certificate: subject("w1", "swarm-worker") });
  t.like(known.caller, { nodeId: "w1", role: NodeRole.WORKER });
});

test("while there is no cluster, no certificate counts", (t) => {
  const early = new CertificateIdentity(() => undefined, nodes);
  const context = { path: "/x", metadata: new Metadata(), peer: "", certificate: subject("m1", "swarm-manager", "") };
  t.throws(() => early.identify(context), { message: /not part of organization/ });
});
