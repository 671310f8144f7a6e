import { randomBytes } from "node:crypto";
import test from "ava";
import fc from "fast-check";
import { makeCsr } from "../../src/security/pki/csr.js";
import { ANY_KEY, hasOpenPem, SecretSearch } from "./secrets-search.js";

const KEY = randomBytes(32);
const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));

const WRAPPINGS: Readonly<Record<string, (text: Buffer) => string | Buffer>> = {
  "as it is": (text) => text,
  base64: (text) => text.toString("base64"),
  "base64 without padding, for addresses": (text) => text.toString("base64url"),
  "base64 in lines": (text) => text.toString("base64").replace(/.{64}/g, "$&\n"),
  "base64 in lines, in JSON": (text) => JSON.stringify({ text: text.toString("base64").replace(/.{64}/g, "$&\n") }),
  hexadecimal: (text) => text.toString("hex"),
  "hexadecimal, great letters": (text) => text.toString("hex").toUpperCase(),
};

for (const [name, wrap] of Object.entries(WRAPPINGS)) {
  test(`a secret is found wherever it stands: ${name}`, (t) => {
    const search = new SecretSearch();
    search.add({ name: "the key", bytes: KEY });
    fc.assert(
      fc.property(bytes, bytes, (before, after) => {
        const text = Buffer.from(wrap(Buffer.concat([before, KEY, after])));
        return (
          search.in(text).includes("the key") &&
          search.in(Buffer.from(wrap(Buffer.concat([before, after])))).length === 0
        );
      }),
    );
    t.pass();
  });
}

test("a private key is known as one, whosever it is; a sealed one and a request are not", (t) => {
  const { keyPem, csrPem } = makeCsr();
  const search = new SecretSearch();
  search.add(...ANY_KEY);
  t.deepEqual(search.in(Buffer.from(keyPem)), ["a private key (PKCS #8)"]);
  t.deepEqual(search.in(Buffer.from(csrPem)), []);
  t.true(hasOpenPem(Buffer.from(`x${keyPem}`)));
  t.false(hasOpenPem(Buffer.from(csrPem)));
  t.false(hasOpenPem(Buffer.from(keyPem.replaceAll("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))));
});
