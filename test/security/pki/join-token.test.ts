import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { JoinTokenError, joinToken, parseJoinToken, tokenMatches } from "../../../src/security/pki/join-token.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { rootDigest } from "../../../src/security/pki/root-digest.js";

interface Vector {
  readonly input: { readonly op: string; readonly token: string; readonly fips: boolean; readonly secret_hex: string };
  readonly expected: {
    readonly ok: boolean;
    readonly token: string;
    readonly fips: boolean;
    readonly root_digest: string;
    readonly secret: string;
    readonly version: number;
  };
  /** The reference takes what no token is; here it is refused. */
  readonly reference_bug?: string;
}

const file = new URL("../../../../test/data/vectors/join_tokens.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Vector[] };
const ROOT = makeRootCa(Date.UTC(2026, 0, 1)).certificatePem;

for (const [number, { input, expected, reference_bug }] of cases.entries()) {
  if (input.op === "parse") {
    test(`as SwarmKit, case ${number}: parse ${JSON.stringify(input.token)}`, (t) => {
      if (!expected.ok || reference_bug) {
        t.throws(() => parseJoinToken(input.token), { instanceOf: JoinTokenError });
        return;
      }
      t.deepEqual(parseJoinToken(input.token), {
        version: expected.version as 1 | 2,
        digest: expected.root_digest,
        secret: expected.secret,
        fips: expected.fips,
      });
    });
  } else {
    test(`as SwarmKit, case ${number}: the random part of ${expected.token}`, (t) => {
      const made = joinToken(ROOT, { fips: input.fips, random: () => Buffer.from(input.secret_hex, "hex") });
      const secretOf = (token: string) => token.slice(token.lastIndexOf("-"));
      t.is(secretOf(made), secretOf(expected.token));
      t.is(made.split("-").length, expected.token.split("-").length);
    });
  }
}

test("the digest of hello, whose token the reference gives", (t) => {
  // The vectors' first digest is that of this text.
  const hello = "hello";
  t.is(rootDigest(hello), "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  const random = () => Buffer.from("0123456789abcdef0123456789abcdef", "hex");
  t.is(joinToken(hello, { random }), cases[0]!.expected.token);
  t.is(joinToken(hello, { random, fips: true }), cases[1]!.expected.token);
});

test("what is made is read again, whatever the root and the chance", (t) => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (root, bytes, fips) => {
      const token = joinToken(root, { fips, random: () => bytes });
      const read = parseJoinToken(token);
      t.is(read.digest, rootDigest(root));
      t.is(read.fips, fips);
      t.is(read.version, fips ? 2 : 1);
      t.is(read.secret, token.slice(-25));
      t.is(token.length, fips ? 87 : 85);
    }),
  );
});

test("two tokens of one root differ in their random part alone", (t) => {
  const one = joinToken(ROOT);
  const other = joinToken(ROOT);
  t.not(one, other);
  t.is(one.slice(0, -25), other.slice(0, -25));
});

test("any text is a token or is refused, and the refusal does not hold it", (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ minLength: 4 }),
        fc.string({ minLength: 4 }).map((text) => `SWMTKN-1-${text}`),
      ),
      (text) => {
        const error = t.throws(() => parseJoinToken(text), { instanceOf: JoinTokenError });
        t.false(error.message.includes(text));
      },
    ),
  );
  t.throws(() => parseJoinToken(`SWMTKN-1-${"0".repeat(1 << 20)}`), { instanceOf: JoinTokenError });
});

const FAULTS: readonly (readonly [string, string])[] = [
  ["", "format"],
  ["SWMKEY-1-a", "format"],
  [`SWMTKN-3-${"0".repeat(50)}-${"0".repeat(25)}`, "version"],
  [`SWMTKN-2-2-${"0".repeat(50)}-${"0".repeat(25)}`, "format"],
  [`SWMTKN-1-${"0".repeat(50)}-${"0".repeat(25)}-`, "format"],
  [`SWMTKN-1-${"0".repeat(49)}-${"0".repeat(25)}`, "digest"],
  [`SWMTKN-1-${"z".repeat(50)}-${"0".repeat(25)}`, "digest"],
  [`SWMTKN-1-${"0".repeat(50)}-${"0".repeat(24)}`, "secret"],
];

for (const [text, fault] of FAULTS) {
  test(`the fault of "${text.slice(0, 20)}" (${text.length} characters) is its ${fault}`, (t) => {
    t.is(t.throws(() => parseJoinToken(text), { instanceOf: JoinTokenError })?.fault, fault as JoinTokenError["fault"]);
  });
}

test("a token matches itself alone; none matches nothing", (t) => {
  const token = joinToken(ROOT);
  t.true(tokenMatches(token, token));
  t.false(tokenMatches(joinToken(ROOT), token));
  t.false(tokenMatches(token.toUpperCase(), token));
  t.false(tokenMatches(token.slice(0, -1), token));
  t.false(tokenMatches("", token));
  t.false(tokenMatches(token, ""));
  t.false(tokenMatches("", ""));
});
