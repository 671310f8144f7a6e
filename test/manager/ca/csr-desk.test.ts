import test from "ava";
import { CsrDesk } from "../../../src/manager/ca/csr-desk.js";
import { makeCsr } from "../../../src/security/pki/csr.js";

test("a thousand requests at once are looked at a few in each turn; what is none is refused, and so is who is too many", async (t) => {
  const desk = new CsrDesk();
  const { csrPem } = makeCsr();
  let isOver = false;
  let turns = 0;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const all = Array.from({ length: 1000 }, () => desk.check(csrPem));
  const broken = t.throwsAsync(desk.check("-----BEGIN NOTHING-----"), { message: /^invalid argument: / });
  await Promise.all(all);
  await broken;
  isOver = true;
  t.true(turns >= 100, `${turns} turns of the event loop`);

  const crowd = Array.from({ length: 2000 }, () => desk.check(csrPem));
  await t.throwsAsync(desk.check(csrPem), {
    message: /^2000 nodes ask for certificates already: try again in a while$/,
  });
  await Promise.all(crowd);
  await desk.check(csrPem);
});
