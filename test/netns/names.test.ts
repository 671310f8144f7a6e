import test from "ava";
import fc from "fast-check";
import { namespaceName, namespacePrefix, orphanedNamespaces, parseNamespaceName } from "../../netns/names.js";

const NODE = "n1k8c2vx0q5yq7v3t6w9d4j2e";

test("a name tells node, kind and id", (t) => {
  t.is(namespaceName(NODE, "net", "k6r3dkbnyx"), "tsw-n1k8c2vx-net-k6r3dkbnyx");
  t.deepEqual(parseNamespaceName("tsw-n1k8c2vx-net-k6r3dkbnyx"), { node: "n1k8c2vx", kind: "net", id: "k6r3dkbnyx" });
  t.true(namespaceName(NODE, "box", "a").startsWith(namespacePrefix(NODE)));
});

test("every name that is made can be read", (t) => {
  const word = fc.string({ unit: fc.constantFrom(..."abz09"), minLength: 1, maxLength: 12 });
  const id = fc.string({ unit: fc.constantFrom(..."abz09-_."), minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(word, id, (kind, value) => {
      t.deepEqual(parseNamespaceName(namespaceName(NODE, kind, value)), { node: "n1k8c2vx", kind, id: value });
    }),
  );
});

for (const [node, kind, id] of [
  ["short", "net", "a"],
  ["with-dash8", "net", "a"],
  [NODE, "", "a"],
  [NODE, "with-dash", "a"],
  [NODE, "net", ""],
  [NODE, "net", "a/b"],
  [NODE, "net", "x".repeat(250)],
] as const) {
  test(`no name for node "${node}", kind "${kind}", id "${id.slice(0, 10)}"`, (t) => {
    t.throws(() => namespaceName(node, kind, id), { instanceOf: RangeError });
  });
}

for (const name of [
  "",
  "tsw-",
  "tsw-n1k8c2vx-net",
  "tsw-n1k8c2v-net-a",
  "xtsw-n1k8c2vx-net-a",
  "tsw-n1k8c2vx-net-a/b",
  "default",
]) {
  test(`"${name}" is not a name of ours`, (t) => {
    t.is(parseNamespaceName(name), undefined);
  });
}

test("orphans are this node's, and not wanted", (t) => {
  const found = [
    "default",
    "tsw-n1k8c2vx-net-a",
    "tsw-n1k8c2vx-box-b",
    "tsw-n1k8c2vx-odd",
    "tsw-otherone-net-a",
    "tsw-n1k8c2vx-box-c",
  ];
  const wanted = new Set(["tsw-n1k8c2vx-box-b", "tsw-n1k8c2vx-box-not-made-yet"]);
  t.deepEqual(orphanedNamespaces(NODE, found, wanted), ["tsw-n1k8c2vx-net-a", "tsw-n1k8c2vx-box-c"]);
  t.deepEqual(orphanedNamespaces(NODE, [], wanted), []);
});
