/** The root's key is with Debian's cfssl, and members get their certificates through the managers all the same. */
import test from "ava";
import { NodeCAService } from "../../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { CAConfig, NodeRole, type RootCA } from "../../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ExternalAuthority } from "../../../../src/manager/ca/external/external-authority.js";
import { desiredRoot } from "../../../../src/manager/ca/rotation/desired-root.js";
import type { NodeCertificate } from "../../../../src/security/node-certificate/node-certificate.js";
import { certificateFacts } from "../../../../src/security/pki/certificate-facts.js";
import type { CertifiedKey } from "../../../../src/security/pki/certified-key.js";
import { checkChain } from "../../../../src/security/pki/chain.js";
import { makeCsr } from "../../../../src/security/pki/csr.js";
import { makeRootCa } from "../../../../src/security/pki/root-ca.js";
import { systemClock } from "../../../../src/store/clock.js";
import { OpenSsl } from "../../../security/pki/openssl.js";
import { AuthorityBed, outcomeOf } from "../authority-bed.js";
import { CfsslServer } from "./cfssl-server.js";
import { freePort } from "./free-port.js";

type PartialConfig = Parameters<typeof CAConfig.fromPartial>[0];

/** A cluster that can have an authority outside. */
async function begun(t: Parameters<typeof AuthorityBed.start>[0]) {
  const shown: { own: NodeCertificate | undefined } = { own: undefined };
  const external = new ExternalAuthority({ clock: systemClock, own: () => shown.own });
  t.teardown(() => external.stop());
  const bed = await AuthorityBed.start(t, { external });
  shown.own = bed.manager.current;
  const root: CertifiedKey = {
    certificatePem: bed.rootPem,
    keyPem: bed.cluster.rootCa!.caKey.toString(),
  };
  /** What the control API does with a cluster's settings. */
  const ask = async (config: PartialConfig): Promise<RootCA> => {
    const caConfig = CAConfig.fromPartial(config);
    const log = (line: string) => bed.logged.push(line);
    const change = { cluster: bed.cluster, config: caConfig, nowMs: bed.clock.now(), authorities: external, log };
    const rootCa = await desiredRoot(change);
    await bed.updateCluster((cluster) => ({ ...cluster, rootCa, spec: { ...cluster.spec!, caConfig } }));
    return rootCa;
  };
  return { bed, root, ask, shown };
}

test("the key goes to cfssl: nodes join, renew and ask as SwarmKit's do, and their certificates are the cluster's", async (t) => {
  const { bed, root, ask, shown } = await begun(t);
  const openssl = new OpenSsl(t);
  const cfssl = await CfsslServer.start(t, root, bed.manager.current!);
  const nobody = `https://127.0.0.1:${await freePort()}/api/v1/cfssl/sign`;
  const rootCa = await ask({
    signingCaCert: Buffer.from(root.certificatePem),
    externalCas: [{ url: nobody }, { url: cfssl.url, caCert: Buffer.from(root.certificatePem) }],
  });
  t.is(rootCa.caKey.length, 0);
  t.is(rootCa.rootRotation, undefined);

  const joined = await bed.join(bed.tokens.worker);
  const issued = await bed.call(bed.nobody, NodeCAService.issueNodeCertificate, {
    role: NodeRole.MANAGER,
    csr: Buffer.from(makeCsr().csrPem),
    token: bed.tokens.manager,
    availability: 0,
  });
  const { certificate } = await bed.call(bed.nobody, NodeCAService.nodeCertificateStatus, { nodeId: issued.nodeId });
  for (const [nodeId, role, pem] of [
    [joined.nodeId, NodeRole.WORKER, joined.certificate],
    [issued.nodeId, NodeRole.MANAGER, certificate!.certificate],
  ] as const) {
    const certificatePem = pem.toString();
    const expected = { clusterId: bed.cluster.id, nodeId, role };
    t.notThrows(() => checkChain({ certificatePem, rootPem: bed.rootPem, nowMs: bed.clock.now(), expected }));
    const verified = openssl.verify(certificatePem, bed.rootPem);
    t.true(verified.ok, verified.text);
    const names = certificateFacts(certificatePem).dnsNames;
    t.is(names.includes("swarm-ca"), role === NodeRole.MANAGER);
  }
  t.is(await outcomeOf(bed.renew(joined.identity, NodeRole.WORKER)), "OK");

  shown.own = undefined;
  t.regex(
    await outcomeOf(bed.join(bed.tokens.worker)),
    /^UNAVAILABLE: the certificate cannot be signed now: external CA https:\/\/127/,
    "cfssl asks for a member's certificate",
  );
  shown.own = bed.manager.current;
  await cfssl.stop();
  t.regex(await outcomeOf(bed.join(bed.tokens.worker)), /^UNAVAILABLE: .*ECONNREFUSED/);
});

test("from cfssl's root to one of the cluster's own: cfssl signs the next root", async (t) => {
  const { bed, root, ask } = await begun(t);
  const openssl = new OpenSsl(t);
  const cfssl = await CfsslServer.start(t, root, bed.manager.current!);
  const externalCas = [{ url: cfssl.url }];
  await ask({ signingCaCert: Buffer.from(root.certificatePem), externalCas });
  const { rootRotation } = await ask({ forceRotate: 1, externalCas });
  const [present, next, crossSigned] = [
    root.certificatePem,
    rootRotation!.caCert.toString(),
    rootRotation!.crossSignedCaCert.toString(),
  ] as const;
  t.deepEqual(certificateFacts(crossSigned).publicKeyDer, certificateFacts(next).publicKeyDer);
  const joined = await bed.join(bed.tokens.worker);
  for (const roots of [present, next, present + next]) {
    const verified = openssl.verify(joined.certificate.toString(), roots);
    t.true(verified.ok, verified.text);
  }
});

test("from the cluster's own root to one of cfssl's: certificates lead to both while it lasts", async (t) => {
  const { bed, root, ask } = await begun(t);
  const openssl = new OpenSsl(t);
  const next = makeRootCa(bed.clock.now());
  const cfssl = await CfsslServer.start(t, next, bed.manager.current!);
  const caCert = Buffer.from(next.certificatePem);
  const { rootRotation } = await ask({ signingCaCert: caCert, externalCas: [{ url: cfssl.url, caCert }] });
  t.is(rootRotation?.caKey.length, 0);
  const joined = await bed.join(bed.tokens.worker);
  for (const roots of [root.certificatePem, next.certificatePem]) {
    const verified = openssl.verify(joined.certificate.toString(), roots);
    t.true(verified.ok, verified.text);
  }
});
