import { execFileSync } from "node:child_process";
import { hkdfSync } from "node:crypto";
import test from "ava";
import { LogLockedError } from "../../../src/security/at-rest/locked-error.js";
import { makeKek } from "../../../src/security/at-rest/unlock-key.js";
import { isSealedKey, sealKey, unsealKey } from "../../../src/security/node-certificate/sealed-key.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { OpenSsl } from "../pki/openssl.js";

/** What an earlier run sealed: later ones must open it. */
const KEK = Buffer.alloc(32, 7);
const OPEN = `-----BEGIN PRIVATE KEY-----
${[
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg167Hsjj4UsUqOVRP",
  "IvRdoF8Dvb3dcJQbYPTYDTGwiT+hRANCAAQtF40qw0nRJf66CrlcNrIxGw7OpbB9",
  "szwI7CrPNbDZUSCatDx+Qy7+wt2nAOGoERaw518CBYpB27YqkX5hP8uN",
].join("\n")}
-----END PRIVATE KEY-----
`;
const SEALED = `-----BEGIN ENCRYPTED PRIVATE KEY-----
${[
  "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgg62p3xCy+zgICCAAw",
  "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEImvTmkHWg83fI373VJAGx4EgZAL",
  "ETvTRxym0hDceEyYX2xNpvysKZh4+u87OlE+ROVjv89WzPwo4T86oVhxycVFzeU2",
  "flpMqgGLB29WUjLuExftMuwHUI/d5DULS0owJ/xoWFq4NCGnbv6AJR1LYpsynA8n",
  "93Nqs0ybqFStYQOH8y8QQ9kEkjnRRi/QYwuwYn81wnkrbPyYCDdsAdHelgoP4t0=",
].join("\n")}
-----END ENCRYPTED PRIVATE KEY-----
`;

test("what was sealed long ago opens", (t) => {
  t.is(unsealKey(SEALED, KEK, "key"), OPEN);
  t.true(isSealedKey(SEALED));
  t.false(isSealedKey(OPEN));
});

test("a sealed key opens with its unlock key alone, and is another text each time", (t) => {
  const { keyPem } = makeCsr();
  const kek = makeKek();
  const [one, other] = [sealKey(keyPem, kek), sealKey(keyPem, kek)];
  t.not(one, other);
  t.is(unsealKey(one, kek, "key"), keyPem);
  const reasonOf = (key: Uint8Array | undefined, text = one) =>
    t.throws(() => unsealKey(text, key, "/state/swarm-node.key"), {
      instanceOf: LogLockedError,
      message: /^\/state\/swarm-node\.key is locked/,
    })?.reason;
  t.is(reasonOf(undefined), "unlock-key-needed");
  for (let count = 0; count < 20; count++) t.is(reasonOf(makeKek()), "unlock-key-wrong");
  t.is(reasonOf(kek, one.replace(/[a-z]/g, "A")), "unlock-key-wrong");
  t.throws(() => sealKey(keyPem, Buffer.alloc(31)), { instanceOf: RangeError });
});

test("it is encrypted PKCS #8 as openssl knows it: AES-256, PBES2, a passphrase from the unlock key", (t) => {
  const openssl = new OpenSsl(t);
  const file = openssl.write("swarm-node.key", SEALED);
  const asn1 = execFileSync("openssl", ["asn1parse", "-in", file], { cwd: openssl.folder, encoding: "utf8" });
  for (const name of [":PBES2", ":PBKDF2", ":hmacWithSHA256", ":aes-256-cbc"]) t.true(asn1.includes(name), name);
  const passphrase = Buffer.from(hkdfSync("sha256", KEK, "", "tswarm node key", 32)).toString("base64");
  t.is(openssl.run("pkcs8", "-in", file, "-passin", `pass:${passphrase}`), OPEN);
  t.false(openssl.says("pkcs8", "-in", file, "-passin", `pass:${KEK.toString("base64")}`).ok);
});
