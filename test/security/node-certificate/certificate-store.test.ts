import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import test, { type ExecutionContext } from "ava";
import { LogLockedError } from "../../../src/security/at-rest/locked-error.js";
import { makeKek } from "../../../src/security/at-rest/unlock-key.js";
import {
  CertificateFilesError,
  type CertificateFilesFault,
} from "../../../src/security/node-certificate/certificate-files-error.js";
import { certificateFolderAt } from "../../../src/security/node-certificate/certificate-folder.js";
import {
  CERTIFICATE_FILE,
  CertificateStore,
  KEY_FILE,
  ROOT_FILE,
} from "../../../src/security/node-certificate/certificate-store.js";
import type { NodeCertificate } from "../../../src/security/node-certificate/node-certificate.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { OpenSsl } from "../pki/openssl.js";
import { DAY_MS, issued, START_MS } from "./issued.js";

const root = makeRootCa(START_MS);
const other = makeRootCa(START_MS);
const first = issued({ ca: root });
const second = issued({ ca: other, role: 1 });

async function emptyFolder(t: ExecutionContext): Promise<string> {
  const above = await mkdtemp(join(tmpdir(), "tswarm-certificates-"));
  t.teardown(() => rm(above, { recursive: true, force: true }));
  return join(above, "certificates");
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test("nothing is there at first; what is saved comes back, and replaces what was", async (t) => {
  const folder = await emptyFolder(t);
  t.is(await CertificateStore.at(folder).load(), undefined);
  t.is(await CertificateStore.at(folder).look(), undefined);
  for (const certificate of [first, second, first]) {
    const store = CertificateStore.at(folder);
    await store.save(certificate);
    t.deepEqual(await store.load(), certificate);
    t.deepEqual(await CertificateStore.at(folder).load(), certificate);
    const { certificatePem, rootPem } = certificate;
    t.deepEqual(await CertificateStore.at(folder).look(), { certificatePem, rootPem, isSealed: false });
  }
  t.deepEqual((await readdir(folder)).sort(), [CERTIFICATE_FILE, KEY_FILE, ROOT_FILE].sort());
});

test("who shows a certificate is told of it before others can read it, and after other roots for the one before are stored", async (t) => {
  const folder = await emptyFolder(t);
  const store = CertificateStore.at(folder);
  await store.save(first);
  const seen: string[] = [];
  const certificate = () => readFileSync(join(folder, CERTIFICATE_FILE), "utf8");
  const both = first.rootPem + second.rootPem;
  const roots = store.saveRoots(both).then(() => seen.push("roots are stored"));
  await store.save(second, () => {
    seen.push(certificate() === first.certificatePem ? "the one before is read" : "the next is read");
    t.is(readFileSync(join(folder, ROOT_FILE), "utf8"), both);
  });
  await roots;
  t.deepEqual(seen, ["roots are stored", "the one before is read"]);
  t.is(certificate(), second.certificatePem);
});

test("nobody else reads any of it, whatever the folder was like before", async (t) => {
  const folder = await emptyFolder(t);
  await mkdir(folder);
  await chmod(folder, 0o755);
  await writeFile(join(folder, KEY_FILE), "", { mode: 0o644 });
  await rm(join(folder, KEY_FILE));
  await CertificateStore.at(folder).save(first);
  t.is(await modeOf(folder), "700");
  for (const name of await readdir(folder)) t.is(await modeOf(join(folder, name)), "600");
});

test("openssl reads the three files, and they belong together", async (t) => {
  const folder = await emptyFolder(t);
  await CertificateStore.at(folder).save(first);
  const openssl = new OpenSsl(t);
  const at = (name: string) => join(folder, name);
  t.true(openssl.says("verify", "-no_check_time", "-CAfile", at(ROOT_FILE), at(CERTIFICATE_FILE)).ok);
  t.is(
    openssl.run("pkey", "-in", at(KEY_FILE), "-pubout"),
    openssl.run("x509", "-in", at(CERTIFICATE_FILE), "-noout", "-pubkey"),
  );
});

test("one that has expired is loaded: it is for others to say what follows", async (t) => {
  const folder = await emptyFolder(t);
  const expired = issued({ ca: root, nowMs: START_MS, validMs: -1000 });
  await CertificateStore.at(folder).save(expired);
  t.deepEqual(await CertificateStore.at(folder).load(), expired);
});

const BROKEN: readonly (readonly [string, (folder: string) => Promise<void>, CertificateFilesFault, RegExp])[] = [
  ["the key is gone", (folder) => rm(join(folder, KEY_FILE)), "key-missing", /swarm-node\.key is missing/],
  [
    "the certificate is gone",
    (folder) => rm(join(folder, CERTIFICATE_FILE)),
    "certificate-missing",
    /swarm-node\.crt is missing/,
  ],
  ["the roots are gone", (folder) => rm(join(folder, ROOT_FILE)), "root-missing", /swarm-root-ca\.crt is missing/],
  [
    "another's key",
    (folder) => writeFile(join(folder, KEY_FILE), second.keyPem),
    "key-mismatch",
    /swarm-node\.key is not the key of the certificate in .*swarm-node\.crt/,
  ],
  [
    "another's roots",
    (folder) => writeFile(join(folder, ROOT_FILE), other.certificatePem),
    "untrusted",
    /swarm-node\.crt: .* does not chain to a trusted root/,
  ],
  ["an empty key", (folder) => writeFile(join(folder, KEY_FILE), ""), "damaged", /swarm-node\.key: malformed/],
  [
    "half a certificate",
    (folder) => writeFile(join(folder, CERTIFICATE_FILE), first.certificatePem.slice(0, 200)),
    "damaged",
    /swarm-node\.crt: .* has no end/,
  ],
  ["no roots in it", (folder) => writeFile(join(folder, ROOT_FILE), "x"), "damaged", /swarm-root-ca\.crt: no cert/],
  [
    "a change that cannot be read",
    (folder) => writeFile(join(folder, "swarm-node.next"), "{"),
    "damaged",
    /swarm-node\.next is damaged: remove it/,
  ],
];

for (const [name, damage, fault, message] of BROKEN) {
  test(`one clear line when ${name}`, async (t) => {
    const folder = await emptyFolder(t);
    await CertificateStore.at(folder).save(first);
    await damage(folder);
    const error = await t.throwsAsync(CertificateStore.at(folder).load(), { instanceOf: CertificateFilesError });
    t.is(error?.fault, fault);
    t.regex(error!.message, message);
    t.true(error!.message.includes(folder));
    t.false(error!.message.includes("\n"));
    t.false(error!.message.includes(first.keyPem.slice(60, 100)));
  });
}

test("what does not fit is not saved, and what was stays", async (t) => {
  const store = CertificateStore.at(await emptyFolder(t));
  await store.save(first);
  for (const wrong of [
    { ...second, keyPem: first.keyPem },
    { ...second, rootPem: first.rootPem },
    { ...second, certificatePem: "" },
  ]) {
    await t.throwsAsync(store.save(wrong), { instanceOf: CertificateFilesError });
  }
  t.deepEqual(await store.load(), first);
});

test("other roots for the same certificate, as long as it chains to them", async (t) => {
  const store = CertificateStore.at(await emptyFolder(t));
  await t.throwsAsync(store.saveRoots(root.certificatePem), { message: /is missing/ });
  await store.save(first);
  const both = root.certificatePem + other.certificatePem;
  await store.saveRoots(both);
  t.deepEqual(await store.load(), { ...first, rootPem: both });
  await t.throwsAsync(store.saveRoots(other.certificatePem), { instanceOf: CertificateFilesError });
  t.is((await store.load())?.rootPem, both);
});

test("with an unlock key the key is sealed, at once and from then on; without it again it is open", async (t) => {
  const folder = await emptyFolder(t);
  const [kek, next] = [makeKek(), makeKek()];
  const store = CertificateStore.at(folder);
  await store.save(first);
  await store.reseal(kek);
  const keyFile = () => readFile(join(folder, KEY_FILE), "utf8");
  t.regex(await keyFile(), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  await t.throwsAsync(CertificateStore.at(folder).load(), { instanceOf: LogLockedError, message: /key is needed/ });
  const wrong = await t.throwsAsync(CertificateStore.at(folder).load(next), { instanceOf: LogLockedError });
  t.is(wrong?.reason, "unlock-key-wrong");
  t.is((await CertificateStore.at(folder).look())?.isSealed, true);

  const opened = CertificateStore.at(folder);
  t.deepEqual(await opened.load(kek), first);
  await opened.save(second);
  t.regex(await keyFile(), /ENCRYPTED/);
  await opened.reseal(next);
  t.deepEqual(await CertificateStore.at(folder).load(next), second);
  await t.throwsAsync(CertificateStore.at(folder).load(kek), { instanceOf: LogLockedError });
  await opened.reseal(undefined);
  t.deepEqual(await CertificateStore.at(folder).load(), second);
});

test("an unlock key that came before the first certificate seals it; one for an open key changes nothing by itself", async (t) => {
  const folder = await emptyFolder(t);
  const kek = makeKek();
  const store = CertificateStore.at(folder);
  await store.reseal(kek);
  t.is(await store.load(kek), undefined);
  await store.save(first);
  t.is((await store.look())?.isSealed, true);

  await store.reseal(undefined);
  const other = CertificateStore.at(folder);
  t.deepEqual(await other.load(kek), first);
  await other.save(second);
  t.is((await other.look())?.isSealed, false);
});

test("a store that has not opened the key does not seal it anew", async (t) => {
  const folder = await emptyFolder(t);
  const store = CertificateStore.at(folder);
  const kek = makeKek();
  await store.reseal(kek);
  await store.save(first);
  await t.throwsAsync(CertificateStore.at(folder).reseal(makeKek()), { instanceOf: LogLockedError });
  t.deepEqual(await CertificateStore.at(folder).load(kek), first);
  await t.throwsAsync(store.reseal(Buffer.alloc(16)), { instanceOf: RangeError });
});

test("a node that left keeps nothing", async (t) => {
  const folder = await emptyFolder(t);
  const store = CertificateStore.at(folder);
  await store.remove();
  await store.save(first);
  await store.remove();
  t.deepEqual(await readdir(folder), []);
  t.is(await store.load(), undefined);
});

test("changes that are asked for at the same time are made one after the other", async (t) => {
  const store = CertificateStore.at(await emptyFolder(t));
  const both = other.certificatePem + root.certificatePem;
  await Promise.all([store.save(first), store.save(second), store.saveRoots(both), store.reseal(makeKek())]);
  t.deepEqual(await store.look(), { certificatePem: second.certificatePem, rootPem: both, isSealed: true });
});

class Crash extends Error {}

/** How far the last write came: not begun, its temporary file half written, whole. */
const POINTS = ["before", "within", "after"] as const;

/** The folder, until a number of writes were made; then the process is gone. */
function crashingFolder(path: string, writes: number, point: (typeof POINTS)[number]) {
  const real = certificateFolderAt(path);
  let left = writes;
  const step = async (name: string, write: () => Promise<void>) => {
    if (left < 0) throw new Crash();
    if (left-- > 0) return await write();
    if (point === "within") await writeFile(join(path, `${name}.new`), "half a k");
    if (point === "after") await write();
    throw new Crash();
  };
  return {
    path,
    read: (name: string) => real.read(name),
    replace: (name: string, contents: string) => step(name, () => real.replace(name, contents)),
    remove: async (name: string) => {
      // Where there is nothing to remove, nothing can be half done.
      if ((await real.read(name)) !== undefined) await step(name, () => real.remove(name));
    },
  };
}

/** What a folder holds: a certificate, and which unlock key opens it. */
interface State {
  readonly certificate: NodeCertificate | undefined;
  readonly kek: Uint8Array | undefined;
}

interface CrashCase {
  readonly name: string;
  readonly change: (store: CertificateStore) => Promise<void>;
  readonly before: State;
  readonly after: State;
}

const KEKS = [makeKek(), makeKek()] as const;
const WIDER = root.certificatePem + other.certificatePem;
const open = (certificate: NodeCertificate | undefined): State => ({ certificate, kek: undefined });
const sealed = (kek: Uint8Array): State => ({ certificate: first, kek });

const CRASHES: readonly CrashCase[] = [
  { name: "saved", change: (store) => store.save(second), before: open(first), after: open(second) },
  {
    name: "saved, sealed",
    change: (store) => store.save(second),
    before: sealed(KEKS[0]),
    after: { certificate: second, kek: KEKS[0] },
  },
  { name: "removed", change: (store) => store.remove(), before: open(first), after: open(undefined) },
  {
    name: "given roots",
    change: (store) => store.saveRoots(WIDER),
    before: open(first),
    after: open({ ...first, rootPem: WIDER }),
  },
  { name: "sealed", change: (store) => store.reseal(KEKS[0]), before: open(first), after: sealed(KEKS[0]) },
  { name: "opened", change: (store) => store.reseal(undefined), before: sealed(KEKS[0]), after: open(first) },
  { name: "sealed anew", change: (store) => store.reseal(KEKS[1]), before: sealed(KEKS[0]), after: sealed(KEKS[1]) },
];

async function stateOf(folder: string): Promise<State> {
  for (const kek of [undefined, ...KEKS]) {
    try {
      return { certificate: await CertificateStore.at(folder).load(kek), kek };
    } catch (error) {
      if (!(error instanceof LogLockedError)) throw error;
    }
  }
  throw new Error("no unlock key opens it");
}

for (const { name, change, before, after } of CRASHES) {
  test(`a crash at any point of being ${name} leaves what was, or what is to be, as a whole`, async (t) => {
    const seen: string[] = [];
    for (let writes = 0; seen.at(-1) !== "done"; writes++) {
      for (const point of POINTS) {
        const folder = await emptyFolder(t);
        const prepared = CertificateStore.at(folder);
        await prepared.reseal(before.kek);
        await prepared.save(first);
        const store = new CertificateStore(crashingFolder(folder, writes, point));
        await store.load(before.kek);
        const error: unknown = await change(store).catch((error: unknown) => error);
        t.true(error === undefined || error instanceof Crash, String(error));
        const state = await stateOf(folder);
        const isNew = isDeepStrictEqual(state, after);
        if (!isNew) t.deepEqual(state, before, `write ${writes}, ${point}`);
        seen.push(error === undefined ? "done" : isNew ? "new" : "old");
        // What a crash left is cleared by who loads, and may hold an open key.
        t.deepEqual(
          (await readdir(folder)).filter((file) => /\.(new|next)$/.test(file)),
          [],
        );
        t.true(error !== undefined || isNew);
      }
    }
    // It counts from one write on, and never less after that.
    t.regex(seen.join(" "), /^old old (new )+(done ?){3}$/);
  });
}

test("whoever only looks sees what is to be as soon as it counts, and changes nothing", async (t) => {
  const folder = await emptyFolder(t);
  await CertificateStore.at(folder).save(first);
  // The first write is the change itself.
  await t.throwsAsync(new CertificateStore(crashingFolder(folder, 0, "after")).save(second), { instanceOf: Crash });
  t.is((await CertificateStore.at(folder).look())?.certificatePem, second.certificatePem);
  t.true((await readdir(folder)).includes("swarm-node.next"));
  t.deepEqual(await CertificateStore.at(folder).load(), second);
});

test("times of a stored certificate do not hinder a change long after", async (t) => {
  const store = CertificateStore.at(await emptyFolder(t));
  const old = issued({ ca: root, validMs: DAY_MS });
  await store.save(old);
  await store.saveRoots(WIDER);
  t.is((await store.load())?.rootPem, WIDER);
});
