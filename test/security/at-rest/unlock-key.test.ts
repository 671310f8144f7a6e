import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import {
  formatUnlockKey,
  KEK_BYTES,
  makeKek,
  parseUnlockKey,
  UnlockKeyError,
} from "../../../src/security/at-rest/unlock-key.js";

interface Vector {
  readonly input: { readonly op: string; readonly key: string; readonly bytes_hex: string };
  readonly expected: { readonly ok: boolean; readonly key: string; readonly bytes_hex: string; readonly error: string };
}

const file = new URL("../../../../test/data/vectors/unlock_keys.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Vector[] };

for (const [number, { input, expected }] of cases.entries()) {
  test(`as SwarmKit, case ${number}: ${input.op} "${input.key ?? input.bytes_hex}"`, (t) => {
    if (input.op === "format") {
      t.is(formatUnlockKey(Buffer.from(input.bytes_hex, "hex")), expected.key);
    } else if (expected.ok) {
      t.is(parseUnlockKey(input.key).toString("hex"), expected.bytes_hex);
    } else {
      const error = t.throws(() => parseUnlockKey(input.key), { instanceOf: UnlockKeyError });
      t.true(error.message.startsWith(expected.error));
    }
  });
}

test("a key with a typing error is refused, and its text is not cited", (t) => {
  const text = formatUnlockKey(makeKek());
  for (const wrong of [
    `${text}=`,
    `${text}AA`,
    `x${text}`,
    text.toLowerCase(),
    `${text.slice(0, 30)} ${text.slice(30)}`,
  ]) {
    const error = t.throws(() => parseUnlockKey(wrong), { instanceOf: UnlockKeyError });
    t.false(error.message.includes(text.slice(12, 40)));
  }
});

test("what is formatted is parsed again", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      t.deepEqual(parseUnlockKey(formatUnlockKey(bytes)), Buffer.from(bytes));
    }),
  );
  t.is(makeKek().length, KEK_BYTES);
  t.notDeepEqual(makeKek(), makeKek());
});
