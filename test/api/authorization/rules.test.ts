import type { ServiceDefinition } from "@grpc/grpc-js";
import test from "ava";
import { allowedRoles } from "../../../src/api/authorization/allowed-roles.js";
import { AUTHORIZATION_RULES } from "../../../src/api/generated/authorization-rules.js";
import { AllowedRoles } from "../../../src/api/generated/tswarm/v1/authorization.js";
import { RemoteServer } from "../../../src/manager/serving/remote-server.js";
import { Services, type ServingManager } from "../../../src/manager/serving/services.js";
import { RaftServices } from "../../../src/raft/transport/raft-services.js";
import { CertificateIdentity } from "../../../src/security/identity.js";
import { TlsIdentity } from "../../../src/security/tls/tls-identity.js";
import { readDescriptors } from "../wire-table.js";

const EXTENSION = 50201;

/** What the protocol files say, read from the option's bytes: a length, then field 1 of Authorization. */
const declared = readDescriptors().file.flatMap((file) =>
  file.service.flatMap((service) =>
    service.method.map((method) => {
      const option = method.options?.$unknown?.find((field) => field.no === EXTENSION);
      const [length, tag, roles = 0] = option?.data ?? [];
      const path = `/${file.package}.${service.name}/${method.name}`;
      return { path, roles: length === 2 && tag === 8 ? roles : 0 };
    }),
  ),
);

test("every RPC of the protocol files says who may call it, and the table holds just these rules", (t) => {
  t.true(declared.length >= 70, `only ${declared.length} methods were found`);
  for (const { path, roles } of declared) {
    t.true(AllowedRoles[roles] !== undefined && roles !== AllowedRoles.ROLES_UNSPECIFIED, path);
    t.is(allowedRoles(path), roles, path);
  }
  t.deepEqual(Object.keys(AUTHORIZATION_RULES).sort(), declared.map(({ path }) => path).sort());
});

test("a path without a rule is nobody's, also one that every object answers to", (t) => {
  for (const path of ["", "/x.Y/Z", "constructor", "__proto__", "/docker.swarmkit.v1.Control/listnodes"]) {
    t.is(allowedRoles(path), AllowedRoles.ROLES_UNSPECIFIED, path);
  }
});

test("those that need no certificate are known by name", (t) => {
  t.deepEqual(
    declared.filter(({ roles }) => roles === AllowedRoles.ANYONE).map(({ path }) => path),
    [
      "/docker.swarmkit.v1.CA/GetRootCACertificate",
      "/docker.swarmkit.v1.NodeCA/IssueNodeCertificate",
      "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus",
      "/tswarm.v1.NodeIdentity/Join",
    ],
  );
});

const log = () => undefined;
const callers = new CertificateIdentity(() => undefined, { isRemoved: () => false, isManager: () => undefined });

/** The paths of all services that a manager offers. */
function offered(
  add: (services: Services, host: { addService(definition: ServiceDefinition): void }) => void,
): string[] {
  const paths: string[] = [];
  const manager = {
    nodeId: "n",
    phase: "starting",
    autolock: false,
    member: undefined,
    raft: undefined,
    watch: undefined,
    identity: callers,
    log,
    unlock: () => Promise.resolve(),
    leave: () => Promise.resolve(),
  } satisfies ServingManager;
  add(new Services(manager), {
    addService: (definition) => paths.push(...Object.values(definition).map(({ path }) => path)),
  });
  return paths;
}

test("a manager offers nothing that has no rule, and to nodes nothing that is for this host alone", (t) => {
  const raft = new RaftServices({ resolveAddress: () => undefined, log });
  const remote = [
    ...offered((services, host) => services.addToRemotePort(host)),
    ...[raft.raft, raft.transport].flatMap(({ definition }) => Object.values(definition).map(({ path }) => path)),
  ];
  const local = offered((services, host) => services.addToControlSocket(host));
  t.true(remote.length > 60 && local.length > 60);
  for (const path of [...remote, ...local]) t.not(allowedRoles(path), AllowedRoles.ROLES_UNSPECIFIED, path);
  for (const path of remote) t.not(allowedRoles(path), AllowedRoles.LOCAL, path);
});

test("a service without a rule cannot be added to the port for nodes", (t) => {
  const server = new RemoteServer({ identity: new TlsIdentity(), callers, log });
  const definition = { z: { path: "/x.Y/Z" } } as unknown as ServiceDefinition;
  t.throws(() => server.addService(definition, {}), { message: "no rule says who may call /x.Y/Z" });
});
