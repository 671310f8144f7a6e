import { readFileSync } from "node:fs";
import test from "ava";
import { applyOutcome, type CallOutcome, nextAction, resolveController } from "../../../src/agent/worker/task-step.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";

interface StepCase {
  readonly input: {
    readonly state: keyof typeof TaskState;
    readonly desired_state: keyof typeof TaskState;
    readonly controller: string;
  };
  readonly expected: {
    readonly controller_calls: readonly string[];
    readonly state: keyof typeof TaskState;
    readonly message: string;
    readonly result: string;
    readonly err?: string;
  };
}
interface ResolveCase {
  readonly input: {
    readonly op: "resolve_controller";
    readonly state: keyof typeof TaskState;
    readonly controller_error: boolean;
  };
  readonly expected: { readonly state: keyof typeof TaskState; readonly message: string; readonly err: string };
}
interface NumbersCase {
  readonly name: string;
  readonly expected: Readonly<Record<string, number>>;
}
type Case = StepCase | ResolveCase | NumbersCase;

const { cases } = JSON.parse(readFileSync("test/data/agent/agent_state_machine.json", "utf8")) as {
  cases: readonly Case[];
};
const isNumbers = (item: Case): item is NumbersCase => "name" in item;
const isResolve = (item: Case): item is ResolveCase => !isNumbers(item) && "op" in item.input;

test("the data hold as many cases of each kind as they should", (t) => {
  t.is(cases.length, 103);
  t.is(cases.filter(isNumbers).length, 1);
  t.is(cases.filter(isResolve).length, 18);
});

for (const item of cases) {
  if (isNumbers(item)) {
    test("states have SwarmKit's numbers", (t) => {
      for (const [name, number] of Object.entries(item.expected))
        t.is(TaskState[name as keyof typeof TaskState], number);
    });
  } else if (isResolve(item)) {
    const { state, controller_error: failing } = item.input;
    test(`a controller is sought in ${state}, ${failing ? "none is found" : "found"}`, (t) => {
      const status = resolveController({ state: TaskState[state], message: "", err: "" }, failing ? "boom" : undefined);
      const { expected } = item;
      t.deepEqual(status, { state: TaskState[expected.state], message: expected.message, err: expected.err });
    });
  } else {
    const { state, desired_state: desired, controller } = item.input;
    test(`${state} with ${desired} wanted, controller: ${controller}`, (t) => {
      t.deepEqual(oneStep(item), {
        controller_calls: item.expected.controller_calls,
        state: item.expected.state,
        message: item.expected.message,
        result: item.expected.result,
        err: item.expected.err ?? "",
      });
    });
  }
}

function oneStep({ input }: StepCase) {
  const status = { state: TaskState[input.state], message: "", err: "" };
  const action = nextAction(TaskState[input.desired_state], status.state);
  if (action.kind === "rest") return report([], status, "noop");
  if (action.kind === "advance") return report([], { ...status, ...action, err: "" }, "advanced");
  const { result, status: after } = applyOutcome(status, action.call, outcomeOf(input.controller, action.call));
  return report([action.call], after, result);
}

function report(
  controller_calls: readonly string[],
  status: { readonly state: TaskState; readonly message: string; readonly err: string },
  result: string,
) {
  return { controller_calls, state: TaskState[status.state], message: status.message, result, err: status.err };
}

/** "prepare returns fatal error" concerns the call of that name; every other call succeeds. */
function outcomeOf(controller: string, call: string): CallOutcome {
  const [failing, what] = controller.split(" returns ");
  if (failing !== call || !what || what.startsWith("already-")) return { kind: "done" };
  if (what === "fatal error") return { kind: "fatal", error: "boom" };
  if (what === "temporary error") return { kind: "temporary", error: "boom" };
  if (what === "context canceled" || what === "deadline exceeded") return { kind: "interrupted" };
  throw new Error(`unknown outcome in the data: ${what}`);
}
