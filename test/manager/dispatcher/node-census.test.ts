import test from "ava";
import fc from "fast-check";
import { NodeStatus_State as NodeState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { type Holder, NodeCensus, type Verdict } from "../../../src/manager/dispatcher/node-census.js";

const PERIOD = 1000;
const settings = { periodMs: PERIOD, graceFactor: 3, takeoverFactor: 6 };
const START = 1_000_000;
const [A, B]: readonly Holder[] = [{ managerId: "a" }, { managerId: "b" }];

const before = (...ids: string[]) => ids.map((id) => ({ id, isDown: false, downSinceMs: 0 }));
const text = (verdicts: readonly Verdict[]) => verdicts.map(({ nodeId, state }) => `${nodeId} ${NodeState[state]}`);

test("after a takeover a node is unknown after two periods and down after six, unless it comes or is claimed", (t) => {
  const census = new NodeCensus(() => settings);
  census.begin([...before("n1", "n2", "n3"), { id: "old", isDown: true, downSinceMs: 0 }], START);
  t.deepEqual(text(census.look(START + 1999, false)), []);
  t.deepEqual(census.claimed(["n1", "old", "gone"], A!), ["old", "gone"], "what is down begins anew");
  t.deepEqual(text(census.look(START + 2000, false)), ["n2 UNKNOWN", "n3 UNKNOWN"]);
  t.is(census.arrived("n2", A!), undefined);
  t.deepEqual(text(census.look(START + 6000, false)), ["n3 DOWN"]);
  t.deepEqual(text(census.look(START + 600_000, false)), []);
  t.is(census.nextMs, undefined);
});

test("a session that ended: disconnected after a period, down when its grace is over", (t) => {
  const census = new NodeCensus(() => settings);
  census.begin(before("n1", "n2"), START);
  for (const id of ["n1", "n2"]) census.arrived(id, A!);
  census.left("n1", A!, 2400, START);
  census.left("n2", A!, 0, START);
  t.deepEqual(text(census.look(START, false)), ["n2 DOWN"], "it was silent for all its grace");
  t.deepEqual(text(census.look(START + 1000, false)), ["n1 DISCONNECTED"]);
  t.deepEqual(text(census.look(START + 2400, false)), ["n1 DOWN"]);
  t.is(census.arrived("n1", B!), undefined, "it comes back");
  t.is(census.holderOf("n1"), B);
});

test("a node that has moved is not lost with the manager that it was with", (t) => {
  const census = new NodeCensus(() => settings);
  census.begin(before("n1", "n2", "n3"), START);
  for (const id of ["n1", "n2", "n3"]) census.arrived(id, A!);
  t.is(census.arrived("n1", B!), A, "who had it until now is told");
  census.left("n1", A!, 0, START);
  t.deepEqual(census.claimed(["n1", "n2"], A!), ["n1"]);
  census.holderGone(A!, START + 500);
  census.removed("n3");
  t.deepEqual(text(census.look(START + 1500, false)), ["n2 DISCONNECTED"]);
  t.deepEqual(text(census.look(START + 3500, false)), ["n2 DOWN"]);
  t.is(census.nextMs, undefined);
});

test("who stood still himself gives everybody time again", (t) => {
  const census = new NodeCensus(() => settings);
  census.begin(before("n1"), START);
  t.deepEqual(text(census.look(START + 60_000, true)), []);
  t.deepEqual(text(census.look(START + 62_999, false)), ["n1 DISCONNECTED"]);
  t.deepEqual(text(census.look(START + 63_000, false)), ["n1 DOWN"]);
});

test("no more than the guard allows are down at once; the others show that they are silent, and are looked at again", (t) => {
  const census = new NodeCensus(() => settings);
  const ids = Array.from({ length: 10 }, (_, i) => `n${i}`);
  census.begin(before(...ids), START);
  for (const id of ids) census.arrived(id, A!);
  census.holderGone(A!, START);
  census.look(START + 1000, false);
  const states = (verdicts: readonly Verdict[], state: NodeState) => verdicts.filter((one) => one.state === state);
  const first = census.look(START + 3000, false);
  t.is(states(first, NodeState.DOWN).length, 5);
  const withheld = states(first, NodeState.UNKNOWN);
  t.is(withheld.length, 5);
  t.regex(withheld[0]!.message, /too many nodes/);
  t.deepEqual(census.look(START + 200_000, false), []);
  census.arrived(withheld[0]!.nodeId, B!);
  const later = census.look(census.nextMs!, false);
  t.is(states(later, NodeState.DOWN).length + states(later, NodeState.UNKNOWN).length, 4);
  t.true(states(later, NodeState.DOWN).length > 0, "the losses of the first window do not count for ever");
});

const event = fc.record({
  kind: fc.constantFrom("arrive", "claim", "left", "gone", "remove", "pass" as const),
  node: fc.nat(11),
  holder: fc.nat(1),
  ms: fc.nat(2500),
});

test("whatever happens: a node that is held is never given up, one that is not is seen within its time, and losses are bounded", (t) => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150 }), (events) => {
      const census = new NodeCensus(() => settings);
      const ids = Array.from({ length: 12 }, (_, i) => `n${i}`);
      census.begin(before(...ids), START);
      const held = new Map<string, Holder>();
      const known = new Set(ids);
      const down = new Map<string, number>();
      /** Since when nobody vouches for a node. */
      const silent = new Map(ids.map((id) => [id, START]));
      let now = START;
      for (const { kind, node, holder: number, ms } of events) {
        const id = `n${node}`;
        const holder = number === 0 ? A! : B!;
        if (kind === "arrive") {
          census.arrived(id, holder);
          held.set(id, holder);
          known.add(id);
          down.delete(id);
          silent.delete(id);
        } else if (kind === "claim") {
          const isOver = census.claimed([id], holder).length > 0;
          const isOthers = held.has(id) && held.get(id) !== holder;
          if (isOver !== (!known.has(id) || down.has(id) || isOthers)) throw new Error(`${id}: wrongly claimed`);
          if (!isOver) {
            held.set(id, holder);
            silent.delete(id);
          }
        } else if (kind === "left") {
          census.left(id, holder, ms, now);
          if (held.get(id) === holder) {
            held.delete(id);
            silent.set(id, now);
          }
        } else if (kind === "gone") {
          census.holderGone(holder, now);
          for (const [other, by] of held) {
            if (by !== holder) continue;
            held.delete(other);
            silent.set(other, now);
          }
        } else if (kind === "remove") {
          census.removed(id);
          known.delete(id);
          held.delete(id);
          down.delete(id);
          silent.delete(id);
        } else {
          now += ms;
          for (const { nodeId, state } of census.look(now, false)) {
            if (held.has(nodeId) || !known.has(nodeId)) throw new Error(`${nodeId} is given up though it is held`);
            if (state === NodeState.DOWN) down.set(nodeId, now);
          }
          if (down.size > Math.max(2, known.size / 2 + 1)) throw new Error("too many are down");
          for (const [other, sinceMs] of silent) {
            const isSeen = down.has(other) || census.nextMs !== undefined;
            if (now > sinceMs + 6200 && !isSeen) throw new Error(`${other} is forgotten`);
          }
        }
      }
      return true;
    }),
  );
  t.pass();
});
