import { readFileSync } from "node:fs";
import test from "ava";
import { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ConstraintError, nodeMatches, parseConstraints } from "../../../src/manager/scheduler/constraint.js";

interface Vector {
  readonly name: string;
  readonly input: readonly string[];
  readonly expected: {
    readonly ok: boolean;
    readonly error?: string;
    readonly key?: string;
    readonly operator?: string;
    readonly value?: string;
  };
}

const file = new URL("../../../../test/data/vectors/constraint_parse.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Vector[] };

test(`${cases.length} expressions are read as the reference reads them`, (t) => {
  t.true(cases.length > 50);
  for (const { name, input, expected } of cases) {
    if (expected.ok) {
      const { key, operator, value } = expected;
      t.deepEqual(parseConstraints(input), [{ key, operator, value } as never], name);
    } else {
      t.throws(() => parseConstraints(input), { instanceOf: ConstraintError, message: expected.error! }, name);
    }
  }
});

const node = Node.fromPartial({
  id: "abc",
  role: NodeRole.MANAGER,
  spec: { annotations: { labels: { disk: "SSD", Zone: "a" } } },
  description: {
    hostname: "host1",
    platform: { architecture: "x86_64", os: "linux" },
    engine: { labels: { gpu: "yes" } },
  },
  status: { addr: "10.1.2.3" },
});

const TABLE: readonly (readonly [expression: string, fits: boolean])[] = [
  ["node.id==abc", true],
  ["node.id!=abc", false],
  ["node.hostname==HOST1", true],
  ["node.hostname!=host2", true],
  ["node.role==manager", true],
  ["node.role==worker", false],
  ["node.ip==10.1.2.3", true],
  ["node.ip==10.1.2.4", false],
  ["node.ip==10.1.0.0/16", true],
  ["node.ip!=10.1.0.0/16", false],
  ["node.ip!=10.2.0.0/16", true],
  ["node.platform.os==Linux", true],
  ["node.platform.arch==x86_64", true],
  ["node.labels.disk==ssd", true],
  ["NODE.LABELS.disk==ssd", true],
  ["node.labels.Disk==ssd", false],
  ["node.labels.disk==s*", false],
  ["node.labels.rack==a", false],
  ["node.labels.rack!=a", true],
  ["engine.labels.gpu==yes", true],
  ["engine.labels.gpu!=yes", false],
  ["planet==earth", false],
  ["planet!=earth", false],
];

test("which nodes fit", (t) => {
  for (const [expression, fits] of TABLE) t.is(nodeMatches(parseConstraints([expression]), node), fits, expression);
  t.true(nodeMatches([], node));
  t.false(nodeMatches(parseConstraints(["node.id==abc", "node.role==worker"]), node));
});
