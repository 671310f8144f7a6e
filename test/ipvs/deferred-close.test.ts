import { setImmediate } from "node:timers/promises";
import test from "ava";
import { closeLater, closePending } from "../../ipvs/deferred-close.js";

function sockets(count: number) {
  const closed: number[] = [];
  const list = Array.from({ length: count }, (_, index) => ({ [Symbol.dispose]: () => closed.push(index) }));
  return { closed, list: list as unknown as Disposable[] };
}

test.serial("sockets close after the work in hand, once, in order", async (t) => {
  const { closed, list } = sockets(3);
  for (const socket of list) closeLater(socket);
  t.deepEqual(closed, []);
  await setImmediate();
  t.deepEqual(closed, [0, 1, 2]);
  closePending();
  t.deepEqual(closed, [0, 1, 2]);
});

test.serial("they close at once when that is asked for", (t) => {
  const { closed, list } = sockets(1);
  closeLater(list[0]!);
  closePending();
  t.deepEqual(closed, [0]);
});

test.serial("not more than some hundred wait", (t) => {
  const { closed, list } = sockets(513);
  for (const socket of list) closeLater(socket);
  t.is(closed.length, 512);
  closePending();
  t.is(closed.length, 513);
});
