import test from "ava";
import type { RefusedReport } from "../../../src/api/generated/tswarm/v1/dispatcher.js";
import { unavailable } from "../../../src/api/status-error.js";
import { type LeaderLink, LinkLostError } from "../../../src/manager/dispatcher/leader-link.js";
import { LeaderSwitch } from "../../../src/manager/dispatcher/leader-switch.js";
import { ManualClock } from "../manual-clock.js";

const PATIENCE_MS = 3000;
const ARRIVAL = { nodeId: "n1", description: undefined, address: "10.0.0.1" };

/** A leader that answers when the test says so. */
class Leader implements LeaderLink {
  readonly heard: string[] = [];
  readonly #questions: { resolve(answer: never): void; reject(error: Error): void }[] = [];

  claim(nodeIds: readonly string[]): void {
    this.heard.push(`claim ${nodeIds.join(" ")}`);
  }

  arrive({ nodeId }: typeof ARRIVAL): Promise<void> {
    return this.#ask(`arrive ${nodeId}`);
  }

  report(nodeId: string): Promise<readonly RefusedReport[]> {
    return this.#ask(`report ${nodeId}`);
  }

  left(nodeId: string, graceMs: number): void {
    this.heard.push(`left ${nodeId} ${graceMs}`);
  }

  answer(value?: unknown): void {
    this.#questions.shift()!.resolve(value as never);
  }

  fail(error: Error): void {
    this.#questions.shift()!.reject(error);
  }

  #ask<T>(what: string): Promise<T> {
    this.heard.push(what);
    return new Promise<T>((resolve, reject) => {
      this.#questions.push({ resolve, reject });
    });
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what waits for a leader is asked once there is one, behind the sessions that stand", async (t) => {
  const way = new LeaderSwitch(new ManualClock(), () => PATIENCE_MS);
  const done = way.arrive(ARRIVAL);
  way.left("n2", 5);
  const leader = new Leader();
  way.attach(leader, ["n3"]);
  t.deepEqual(leader.heard, ["claim n3", "arrive n1"]);
  leader.answer();
  await t.notThrowsAsync(done);
  way.left("n3", 7);
  t.is(leader.heard.at(-1), "left n3 7");
});

test("what was under way when the leader went is asked of the next one; a refusal is a refusal", async (t) => {
  const way = new LeaderSwitch(new ManualClock(), () => PATIENCE_MS);
  const [first, second] = [new Leader(), new Leader()];
  way.attach(first, []);
  const report = way.report("n1", []);
  const refused = t.throwsAsync(way.arrive(ARRIVAL));
  first.fail(new LinkLostError());
  first.fail(unavailable("too often"));
  t.regex((await refused).message, /too often/);
  way.detach();
  way.attach(second, ["n1"]);
  t.deepEqual(second.heard, ["claim n1", "report n1"]);
  second.answer([{ taskId: "a", reason: "b" }]);
  t.deepEqual(await report, [{ taskId: "a", reason: "b" }]);
});

test("a node that the leader before has taken in is claimed at the next one, which was not told of it", async (t) => {
  const way = new LeaderSwitch(new ManualClock(), () => PATIENCE_MS);
  const [first, second] = [new Leader(), new Leader()];
  way.attach(first, []);
  const done = way.arrive(ARRIVAL);
  way.detach();
  way.attach(second, []);
  first.answer();
  await done;
  t.deepEqual(second.heard, ["claim ", "claim n1"]);
});

test("an answer of the leader before that comes after the next one is there does not get lost", async (t) => {
  const way = new LeaderSwitch(new ManualClock(), () => PATIENCE_MS);
  const [first, second] = [new Leader(), new Leader()];
  way.attach(first, []);
  const report = way.report("n1", []);
  way.attach(second, []);
  first.fail(new LinkLostError());
  await settled();
  t.deepEqual(second.heard, ["claim ", "report n1"]);
  second.answer([]);
  t.deepEqual(await report, []);
});

test("patience ends, for each question at its own time", async (t) => {
  const clock = new ManualClock();
  const way = new LeaderSwitch(clock, () => PATIENCE_MS);
  const outcomes: string[] = [];
  const ask = (name: string) =>
    way.report(name, []).catch((error: Error) => outcomes.push(`${name}: ${error.message}`));
  void ask("n1");
  clock.advance(2000);
  void ask("n2");
  clock.advance(1000);
  await settled();
  t.is(outcomes.length, 1);
  t.regex(outcomes[0]!, /^n1: no leader/);
  clock.advance(2000);
  await settled();
  t.is(outcomes.length, 2);
  void ask("n3");
  way.stop(unavailable("stops"));
  await settled();
  t.is(outcomes[2], "n3: stops");
  t.is(clock.pending, 0);
});
