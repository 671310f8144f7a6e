import { setTimeout as sleep } from "node:timers/promises";
import { type Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import { HealthService } from "../../../src/api/generated/docker/swarmkit/v1/health.js";
import { LeaderWait } from "../../../src/manager/leadership/leader-wait.js";
import { patient } from "../../../src/manager/serving/patient.js";

const UNSENT = { code: status.UNAVAILABLE, details: "it cannot be reached", isUnsent: true };

type Answer = (error: object | null, response?: unknown, trailer?: Metadata) => void;

/** A unary method that answers what is put before it, and waits for leaders as a manager does. */
function waiting(answers: readonly (object | null)[], patienceMs: number) {
  const wait = new LeaderWait(() => true, patienceMs);
  let calls = 0;
  const { implementation } = patient(
    {
      definition: HealthService,
      implementation: {
        check: ((_call: unknown, answer: Answer) => {
          const error = answers[calls++] ?? null;
          answer(error, error ? undefined : "done");
        }) as never,
      },
    },
    { leader: () => wait.wait(), anotherLeader: () => wait.waitForChange(), seen: () => undefined },
  );
  const check = implementation.check as unknown as (call: unknown, answer: Answer) => void;
  const answered = new Promise<readonly [object | null, unknown]>((resolve) => {
    check({}, (error, response) => resolve([error, response]));
  });
  return { wait, answered, calls: () => calls };
}

test("a call that never reached the leader is made again once another leads", async (t) => {
  const { wait, answered, calls } = waiting([UNSENT], 60_000);
  t.is(await Promise.race([answered, sleep(20, "waits")]), "waits");
  wait.look();
  t.deepEqual(await answered, [null, "done"]);
  t.is(calls(), 2);
});

test("it is answered with the refusal when no other comes to lead in time", async (t) => {
  const { answered } = waiting([UNSENT, UNSENT, UNSENT, UNSENT], 30);
  const [error] = await answered;
  t.is(error, UNSENT);
});

test("a call that may have reached the leader is never made again", async (t) => {
  const broken = { ...UNSENT, isUnsent: false };
  const { answered, calls } = waiting([broken], 60_000);
  t.deepEqual(await answered, [broken, undefined]);
  t.is(calls(), 1);
});
