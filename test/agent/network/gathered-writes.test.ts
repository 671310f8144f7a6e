import test from "ava";
import { GatheredWrites } from "../../../src/agent/network/gathered-writes.js";

/** A file whose writes end when the test says so. */
class SlowFile {
  content = 0;
  written: number[] = [];
  readonly #ends: { resolve(): void; reject(error: Error): void }[] = [];

  async write(): Promise<void> {
    const { content } = this;
    await new Promise<void>((resolve, reject) => this.#ends.push({ resolve, reject }));
    this.written.push(content);
  }

  get underWay(): number {
    return this.#ends.length;
  }

  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift()!;
    if (error) end.reject(error);
    else end.resolve();
    await settled();
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test("whoever asks waits for a write that has its change; many that ask meanwhile share one", async (t) => {
  const file = new SlowFile();
  const writes = new GatheredWrites(() => file.write());
  const resolved: number[] = [];
  const change = () => {
    const content = ++file.content;
    void writes.request().then(() => resolved.push(content));
  };
  change();
  await settled();
  for (let i = 0; i < 10; i++) change();
  await settled();
  t.is(file.underWay, 1, "one at a time");
  await file.end();
  t.deepEqual(resolved, [1]);
  t.is(file.underWay, 1);
  await file.end();
  t.deepEqual(file.written, [1, 11]);
  t.deepEqual(
    resolved,
    Array.from({ length: 11 }, (_, i) => i + 1),
  );
  t.is(file.underWay, 0, "and then none");
});

test("a write that fails is told to those who waited for it, and the next one is tried", async (t) => {
  const file = new SlowFile();
  const writes = new GatheredWrites(() => file.write());
  const first = writes.request();
  await settled();
  const second = writes.request();
  const failed = t.throwsAsync(first, { message: "the disk is full" });
  await file.end(new Error("the disk is full"));
  await failed;
  await file.end();
  await t.notThrowsAsync(second);
});
