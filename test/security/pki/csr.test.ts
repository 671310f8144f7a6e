import { createPublicKey } from "node:crypto";
import test from "ava";
import { CsrError, MAX_CSR_BYTES, makeCsr, readCsr } from "../../../src/security/pki/csr.js";
import { decodePem, encodePem } from "../../../src/security/pki/pem.js";
import { OpenSsl, P256, P384, P521, RSA } from "./openssl.js";

test("openssl reads the request, and finds it signed with its own key", (t) => {
  const openssl = new OpenSsl(t);
  const { csrPem, keyPem } = makeCsr({ organization: "c1", commonName: "node1" });
  const file = openssl.write("node.csr", csrPem);
  const said = openssl.says("req", "-in", file, "-verify", "-noout", "-subject", "-pubkey");
  t.true(said.ok, said.text);
  t.regex(said.text, /verify OK/);
  t.regex(said.text, /subject=O = c1, CN = node1/);
  t.true(said.text.includes(createPublicKey(keyPem).export({ type: "spki", format: "pem" }).toString().trim()));
});

test("without a name it is one as well, as nodes send it", (t) => {
  const openssl = new OpenSsl(t);
  const { csrPem, keyPem } = makeCsr();
  t.true(openssl.says("req", "-in", openssl.write("node.csr", csrPem), "-verify", "-noout").ok);
  const { publicKey, subject } = readCsr(csrPem);
  t.deepEqual(publicKey, createPublicKey(keyPem).export({ type: "spki", format: "der" }));
  t.deepEqual(subject, { organization: undefined, organizationalUnit: undefined, commonName: undefined });
});

const KEYS = { P256, P384, P521, RSA } as const;

for (const [name, key] of Object.entries(KEYS)) {
  for (const digest of ["-sha256", "-sha384", "-sha512"]) {
    test(`openssl's request is read: ${name}, ${digest}`, (t) => {
      const openssl = new OpenSsl(t);
      const keyFile = openssl.write("node.key", openssl.run("genpkey", ...key));
      const csr = openssl.run(
        ...["req", "-new", "-key", keyFile, "-subj", "/O=x/CN=y", digest, "-addext", "subjectAltName=DNS:a"],
      );
      const { publicKey, subject } = readCsr(csr);
      t.is(
        createPublicKey({ key: publicKey, format: "der", type: "spki" })
          .export({ type: "spki", format: "pem" })
          .toString(),
        openssl.run("pkey", "-in", keyFile, "-pubout"),
      );
      t.is(subject.commonName, "y");
    });
  }
}

const REFUSED: readonly (readonly [string, readonly string[], readonly string[], RegExp])[] = [
  [
    "a curve that nobody else takes",
    ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    [],
    /unsupported key/,
  ],
  ["an Edwards curve", ["-algorithm", "ED25519"], [], /unsupported signature algorithm/],
  ["a short RSA key", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"], [], /2048 to 8192 bits, not 1024/],
  ["SHA-1", P256, ["-sha1"], /unsupported signature algorithm/],
  ["RSA-PSS", RSA, ["-sigopt", "rsa_padding_mode:pss"], /unsupported signature algorithm/],
];

for (const [name, key, args, message] of REFUSED) {
  test(`refused: ${name}`, (t) => {
    const openssl = new OpenSsl(t);
    const keyFile = openssl.write("node.key", openssl.run("genpkey", ...key));
    const csr = openssl.run("req", "-new", "-key", keyFile, "-subj", "/CN=y", ...args);
    t.throws(() => readCsr(csr), { instanceOf: CsrError, message });
  });
}

for (const form of [
  ["-conv_form", "compressed"],
  ["-param_enc", "explicit"],
]) {
  test(`refused: a key in a form that not everybody reads, ${form.join(" ")}`, (t) => {
    const openssl = new OpenSsl(t);
    const keyFile = openssl.write("node.key", openssl.run("ecparam", "-name", "prime256v1", "-genkey", "-noout"));
    const other = openssl.write("other.key", openssl.run("ec", "-in", keyFile, ...form));
    const csr = openssl.run("req", "-new", "-key", other, "-subj", "/CN=y");
    t.throws(() => readCsr(csr), { instanceOf: CsrError, message: /refused: .*(unsupported|damaged)/ });
  });
}

test("one with another's key is refused: who asks must hold the key", (t) => {
  const mine = decodePem(makeCsr().csrPem)[0]!.der;
  const other = decodePem(makeCsr().csrPem)[0]!.der;
  // The point ends right before the empty attributes: a000.
  const forged = Buffer.from(mine);
  const [from, to] = [other, mine].map((der) => der.indexOf(Buffer.from("03420004", "hex")) + 4);
  other.copy(forged, to!, from!, from! + 64);
  t.throws(() => readCsr(encodePem("CERTIFICATE REQUEST", forged)), {
    instanceOf: CsrError,
    message: /not signed with its own key/,
  });
});

test("what is no request, or too large, gets one clear line", (t) => {
  const { csrPem } = makeCsr();
  for (const text of ["", "hello", csrPem + csrPem, csrPem.replaceAll("CERTIFICATE REQUEST", "CERTIFICATE")]) {
    t.throws(() => readCsr(text), { instanceOf: CsrError, message: /not one PEM block/ });
  }
  t.throws(() => readCsr(csrPem.replace("-----END", "-----FIN")), { instanceOf: CsrError, message: /no end/ });
  t.throws(() => readCsr("x".repeat(MAX_CSR_BYTES + 1)), { instanceOf: CsrError, message: /at most 16384/ });
  t.deepEqual(readCsr(Buffer.from(csrPem)), readCsr(csrPem));
});
