import test from "ava";
import { systemRandom } from "../../src/store/system-random.js";

test("no bytes come twice, however many are asked for", (t) => {
  const seen = new Set<string>();
  const counts = [17, 16, 1000, 4095, 4096, 4097, 17, 17, 8];
  for (let round = 0; round < 50; round++) {
    for (const count of counts) {
      const bytes = systemRandom(count);
      t.is(bytes.length, count);
      seen.add(Buffer.from(bytes).toString("hex"));
    }
  }
  t.is(seen.size, 50 * counts.length);
});

test("what was handed out is its owner's", (t) => {
  const first = systemRandom(64);
  const before = Buffer.from(first).toString("hex");
  for (let count = 0; count < 200; count++) systemRandom(64).fill(0);
  t.is(Buffer.from(first).toString("hex"), before);
});
