import test from "ava";
import { expandTask, expandTemplate } from "../../src/agent/task-template.js";
import { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";

const node = { id: "node1", hostname: "host1", architecture: "x86_64", os: "linux" };
const task = Task.fromPartial({
  id: "t1",
  serviceId: "s1",
  nodeId: "node1",
  slot: 3,
  serviceAnnotations: { name: "web", labels: { tier: "front" } },
});

const known: readonly (readonly [string, string])[] = [
  ["{{.Service.ID}} {{ .Service.Name }}", "s1 web"],
  ["{{.Task.Name}}", "web.3.t1"],
  ["{{.Task.ID}}-{{.Task.Slot}}", "t1-3"],
  ["{{.Node.ID}}/{{.Node.Hostname}}", "node1/host1"],
  ["{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}", "linux/x86_64"],
  ['{{index .Service.Labels "tier"}}', "front"],
  ["no braces", "no braces"],
];

for (const [text, expected] of known) {
  test(`${text} becomes ${expected}`, (t) => {
    t.is(expandTemplate(text, task, node), expected);
  });
}

test("a global task has its node's id for a slot", (t) => {
  t.is(expandTemplate("{{.Task.Slot}}", { ...task, slot: 0 }, node), "node1");
});

test("an unknown placeholder is refused with its text", (t) => {
  t.throws(() => expandTemplate("A={{.Task.Slots}}", task, node), {
    message: /unknown placeholder \{\{\.Task\.Slots\}\} in "A=/,
  });
});

test("environment and hostname of a process are filled in, the command is not touched", (t) => {
  const spec = ProcessSpec.fromPartial({
    command: ["echo", "{{x}}"],
    env: ["N={{.Task.Slot}}"],
    hostname: "{{.Service.Name}}-{{.Task.Slot}}",
  });
  const payload = {
    typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
    value: Buffer.from(ProcessSpec.encode(spec).finish()),
  };
  const before = Task.fromPartial({
    ...task,
    spec: { runtime: { $case: "generic", value: { kind: "process", payload } } },
  });
  const after = expandTask(before, node).spec?.runtime;
  if (after?.$case !== "generic") return t.fail("the runtime is gone");
  const expanded = ProcessSpec.decode(after.value.payload!.value);
  t.deepEqual(expanded.env, ["N=3"]);
  t.is(expanded.hostname, "web-3");
  t.deepEqual(expanded.command, ["echo", "{{x}}"]);
});
