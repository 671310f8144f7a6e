/** What a cluster's root becomes when somebody asks for another: SwarmKit's rules. */
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { Cluster } from "../../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { CAConfig, type ExternalCA, type RootCA } from "../../../../src/api/generated/docker/swarmkit/v1/types.js";
import { StatusError } from "../../../../src/api/status-error.js";
import { freshRoot } from "../../../../src/manager/ca/cluster-root.js";
import { type Authorities, desiredRoot } from "../../../../src/manager/ca/rotation/desired-root.js";
import { certificateFacts } from "../../../../src/security/pki/certificate-facts.js";
import type { CertifiedKey } from "../../../../src/security/pki/certified-key.js";
import { hasSigned } from "../../../../src/security/pki/chain.js";
import { crossSign, makeRootCa } from "../../../../src/security/pki/root-ca.js";
import { foreignRoot, OpenSsl } from "../../../security/pki/openssl.js";

// Roots that openssl makes in the meantime are valid from their own moment on.
const NOW_MS = Date.now() + 60_000;
const DAY_MS = 86_400_000;
const NONE = Buffer.alloc(0);
const present = makeRootCa(NOW_MS);
const next = makeRootCa(NOW_MS);
const third = makeRootCa(NOW_MS);

/** An authority that has a root's key, and listens at a URL. */
class Outside implements Authorities {
  readonly asked: string[] = [];
  readonly reachable: readonly string[];

  constructor(...reachable: string[]) {
    this.reachable = reachable;
  }

  async isReachable({ url }: ExternalCA): Promise<boolean> {
    this.asked.push(url);
    return this.reachable.includes(url);
  }

  async crossSign({ certificatePem }: CertifiedKey): Promise<string> {
    return crossSign(certificatePem, present);
  }
}

const given = ({ certificatePem, keyPem }: CertifiedKey, withKey = true) => ({
  signingCaCert: Buffer.from(certificatePem),
  signingCaKey: withKey ? Buffer.from(keyPem) : NONE,
});
const external = (url: string, root?: CertifiedKey) => ({ url, caCert: Buffer.from(root?.certificatePem ?? "") });

type PartialConfig = Parameters<typeof CAConfig.fromPartial>[0];

function ask(rootCa: RootCA, config: PartialConfig, outside = new Outside()): Promise<RootCA> {
  return desiredRoot({
    cluster: { ...Cluster.fromPartial({ id: "c", spec: {} }), rootCa },
    config: CAConfig.fromPartial(config),
    nowMs: NOW_MS,
    authorities: outside,
    log: () => {},
  });
}

async function refused(t: ExecutionContext, asking: Promise<unknown>, text: RegExp, code = status.INVALID_ARGUMENT) {
  const error = await t.throwsAsync<StatusError>(asking, { instanceOf: StatusError });
  t.is(error?.code, code, error?.message);
  t.regex(error?.message ?? "", text);
}

const inner = () => freshRoot(present.certificatePem, present.keyPem, 0);
const outer = () => freshRoot(present.certificatePem, undefined, 0);

async function turning(to: CertifiedKey, from = inner()): Promise<RootCA> {
  return ask(from, given(to));
}

test("where nothing is asked for nothing changes", async (t) => {
  const rootCa = inner();
  t.is(await ask(rootCa, {}), rootCa);
  const changing = await turning(next);
  t.is(await ask(changing, {}), changing);
});

test("forced: a new root with a key of its own, signed by the present one; the tokens stay for now", async (t) => {
  const rootCa = inner();
  const { rootRotation, ...rest } = await ask(rootCa, { forceRotate: 3 });
  t.like(rest, { caCert: rootCa.caCert, caKey: rootCa.caKey, joinTokens: rootCa.joinTokens! });
  t.is(rest.lastForcedRotation, 3);
  const [before, now, crossed] = [rootCa.caCert, rootRotation!.caCert, rootRotation!.crossSignedCaCert].map((pem) =>
    certificateFacts(pem.toString()),
  );
  t.notDeepEqual(before!.publicKeyDer, now!.publicKeyDer);
  t.deepEqual(crossed!.publicKeyDer, now!.publicKeyDer);
  t.deepEqual(crossed!.subjectDer, now!.subjectDer);
  t.true(hasSigned(before!, crossed!));
  t.true(rootRotation!.caKey.length > 0);
});

test("the same number again forces nothing", async (t) => {
  const rootCa = freshRoot(present.certificatePem, present.keyPem, 3);
  t.is(await ask(rootCa, { forceRotate: 3 }), rootCa);
});

test("a root that is brought along takes the place of the present one; another one the place of that", async (t) => {
  const first = await turning(next);
  t.is(first.rootRotation?.caCert.toString(), next.certificatePem);
  const second = await ask(first, given(third));
  t.is(second.rootRotation?.caCert.toString(), third.certificatePem);
  t.is(second.caCert.toString(), present.certificatePem);
  const [old, crossed] = [second.caCert, second.rootRotation!.crossSignedCaCert].map((pem) =>
    certificateFacts(pem.toString()),
  );
  t.true(hasSigned(old!, crossed!), "the cluster turns from the root that it has, not from one that it never had");
});

test("the present root asked for again ends the change, and the present one stays", async (t) => {
  const first = await turning(next);
  const kept = await ask(first, { ...given(present), forceRotate: 9 });
  t.is(kept.rootRotation, undefined);
  t.is(kept.caCert.toString(), present.certificatePem);
  t.is(kept.lastForcedRotation, 9);
});

test("so does its certificate alone, where the cluster has its key: of a root that it made nobody else does", async (t) => {
  const first = await turning(next);
  const kept = await ask(first, given(present, false));
  t.is(kept.rootRotation, undefined);
  t.is(kept.caKey.toString(), present.keyPem);
  t.is(await ask(kept, given(present, false)), kept, "asked for again, as by any later change of settings");
  await refused(t, ask(first, given(third, false)), /external CA corresponding to the desired CA certificate/);
});

test("the next root asked for again changes nothing but who has its key", async (t) => {
  const first = await turning(next);
  const again = await ask(
    first,
    { ...given(next, false), externalCas: [external("https://b", next)] },
    new Outside("https://b"),
  );
  t.is(again.rootRotation?.caKey.length, 0);
  t.is(again.rootRotation?.crossSignedCaCert, first.rootRotation?.crossSignedCaCert);
  const back = await ask(again, given(next));
  t.is(back.rootRotation?.caKey.toString(), next.keyPem);
});

test("to an external authority and back", async (t) => {
  const there = { externalCas: [external("https://a", next)] };
  const outside = new Outside("https://a");
  const turned = await ask(inner(), { ...given(next, false), ...there }, outside);
  t.is(turned.rootRotation?.caKey.length, 0);
  t.deepEqual(outside.asked, ["https://a"]);
  await refused(t, ask(turned, {}), /external CA corresponding to the next CA certificate/);
  t.is(await ask(turned, there, outside), turned);

  const from = { externalCas: [external("https://a")] };
  await refused(t, ask(outer(), given(next)), /external CA corresponding to the current CA certificate/);
  const back = await ask(outer(), { ...given(next), ...from }, new Outside("https://a"));
  t.is(back.rootRotation?.caKey.toString(), next.keyPem);
  const [old, crossed] = [back.caCert, back.rootRotation!.crossSignedCaCert].map((pem) =>
    certificateFacts(pem.toString()),
  );
  t.true(hasSigned(old!, crossed!));
});

test("who brings the key of the present root needs no authority any more", async (t) => {
  const kept = await ask(outer(), given(present));
  t.is(kept.caKey.toString(), present.keyPem);
});

test("the present root's key goes to an authority without a change of the root", async (t) => {
  const kept = await ask(
    inner(),
    { ...given(present, false), externalCas: [external("https://a")] },
    new Outside("https://a"),
  );
  t.is(kept.caKey.length, 0);
  t.is(kept.rootRotation, undefined);
});

test("what is refused, with SwarmKit's reasons", async (t) => {
  const openssl = new OpenSsl(t);
  const both = Buffer.from(next.certificatePem + third.certificatePem);
  await refused(t, ask(inner(), { signingCaKey: Buffer.from(next.keyPem) }), /signing CA cert must also be provided/);
  await refused(
    t,
    ask(inner(), { signingCaCert: both, signingCaKey: Buffer.from(next.keyPem) }),
    /cannot contain multiple certificates/,
  );
  await refused(t, ask(inner(), { ...given(next), signingCaKey: Buffer.from(third.keyPem) }), /key/);
  await refused(t, ask(inner(), { signingCaCert: Buffer.from("nonsense") }), /certificate/);
  await refused(t, ask(inner(), given(makeRootCa(NOW_MS - 19.5 * 365 * DAY_MS))), /expires too soon/);
  await refused(t, ask(inner(), given(next, false)), /external CA corresponding to the desired CA certificate/);
  await refused(
    t,
    ask(
      outer(),
      { ...given(next, false), externalCas: [external("https://a"), external("https://b", next)] },
      new Outside("https://a", "https://b"),
    ),
    /rotating from one external CA to a different external CA is not supported/,
  );
  const file = openssl.write("present.key", present.keyPem);
  const config = openssl.write("empty.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
  const certificatePem = openssl.run(
    ...["req", "-x509", "-new", "-config", config, "-key", file, "-subj", "/CN=renewed", "-days", "3650"],
    ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  );
  await refused(t, ask(inner(), given({ certificatePem, keyPem: present.keyPem })), /identical key/);
});

test("a root that openssl made can follow; one that allows no intermediates cannot be followed", async (t) => {
  const openssl = new OpenSsl(t);
  const own = foreignRoot(openssl);
  const turned = await ask(inner(), given(own));
  t.is(turned.rootRotation?.caCert.toString(), own.certificatePem);
  const extensions = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"];
  const last = foreignRoot(openssl, { extensions, subject: "/CN=last" });
  const rootCa = freshRoot(last.certificatePem, last.keyPem, 0);
  await refused(t, ask(rootCa, { forceRotate: 1 }), /no intermediate/, status.INTERNAL);
});

test("no refusal cites a key", async (t) => {
  const secret = third.keyPem.split("\n")[1]!;
  const error = await t.throwsAsync<Error>(ask(inner(), { ...given(next), signingCaKey: Buffer.from(third.keyPem) }));
  t.false(error!.message.includes(secret));
});
