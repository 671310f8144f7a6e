/**
 * Who may import whom, each rule with its reason. A layer imports from those that it names and from itself; the generated wire types are
 * part of src/api.
 */
import test from "ava";
import { importsOf, projectFiles, sourceText } from "./sources.js";

interface Layer {
  readonly folder: string;
  readonly imports: readonly string[];
  readonly reason: string;
}

const KERNEL = ["native-bindings", "netns", "ipvs", "overlay"];

const LAYERS: readonly Layer[] = [
  { folder: "native-bindings", imports: [], reason: "it is the ground: system calls and codecs, of use to anybody" },
  { folder: "netns", imports: ["native-bindings"], reason: "namespaces know nothing of what runs in them" },
  {
    folder: "ipvs",
    imports: ["native-bindings", "netns"],
    reason: "a load balancer works on any network, not only on ours",
  },
  {
    folder: "overlay",
    imports: ["native-bindings", "netns"],
    reason: "networks carry packets, whoever balances load on them; and know nothing of clusters",
  },
  { folder: "src/api", imports: [], reason: "the wire types stand on nothing, so that everybody can speak" },
  { folder: "src/security", imports: ["src/api"], reason: "identity is needed by both ends and by neither's inside" },
  {
    folder: "src/raft",
    imports: ["src/api", "src/security"],
    reason: "a replicated log knows nothing of what it is for",
  },
  {
    folder: "src/store",
    imports: ["src/api", "src/security", "src/raft"],
    reason: "a store of objects decides nothing",
  },
  {
    folder: "src/agent",
    imports: [...KERNEL, "src/api", "src/security"],
    reason: "agent and manager meet on the wire alone: an agent holds nothing of the cluster but its own tasks",
  },
  {
    folder: "src/manager",
    imports: [...KERNEL, "src/api", "src/security", "src/raft", "src/store"],
    reason: "agent and manager meet on the wire alone: they run on different hosts, in different versions",
  },
  {
    folder: "src/cli",
    imports: [...KERNEL, "src/api", "src/security", "src/raft", "src/store"],
    reason: "tsctl is a client like any other, and starts fast; offline it reads a manager's log",
  },
  {
    folder: "src/daemon",
    imports: [...KERNEL, "src/api", "src/security", "src/raft", "src/store", "src/agent", "src/manager"],
    reason: "the daemon wires everything, and is nobody's client",
  },
];

const files = projectFiles().filter((path) => path.endsWith(".ts"));
const layerOf = (path: string) => LAYERS.find(({ folder }) => path.startsWith(`${folder}/`));

for (const layer of LAYERS) {
  test(`${layer.folder} imports only from below: ${layer.reason}`, (t) => {
    const own = files.filter((path) => path.startsWith(`${layer.folder}/`));
    t.true(own.length > 0);
    const wrong = own.flatMap((path) =>
      importsOf(path)
        .map((one) => one.target)
        .filter((target) => target.endsWith(".ts"))
        .filter((target) => {
          const folder = layerOf(target)?.folder;
          return folder === undefined || (folder !== layer.folder && !layer.imports.includes(folder));
        })
        .map((target) => `${path} imports ${target}`),
    );
    t.deepEqual(wrong, []);
  });
}

interface PackageRule {
  readonly name: string;
  readonly allowed: readonly string[];
  readonly reason: string;
}

const PACKAGES: readonly PackageRule[] = [
  { name: "koffi", allowed: ["native-bindings/"], reason: "one place knows libc, and can be read in an evening" },
  {
    name: "@grpc/grpc-js",
    allowed: ["src/", "test/", "scripts/", "bench/"],
    reason: "the kernel side speaks to the kernel, not to the network",
  },
  {
    name: "commander",
    allowed: ["src/cli/", "src/daemon/", "test/cli/"],
    reason: "options are read where people type them",
  },
  { name: "execa", allowed: ["netns/", "src/", "test/", "scripts/", "bench/"], reason: "bindings start no programs" },
];

const NOTIFIER = "native-bindings/service-notifier.ts";

for (const { name, allowed, reason } of PACKAGES) {
  test(`${name} is imported by ${allowed.join(", ")} alone: ${reason}`, (t) => {
    const users = files.filter((path) =>
      importsOf(path).some((one) => one.target === name || one.target.startsWith(`${name}/`)),
    );
    t.deepEqual(
      users.filter((path) => !allowed.some((folder) => path.startsWith(folder))),
      [],
    );
  });
}

test("the manager never reaches libc: it runs without rights on the host, and must not need a kernel", (t) => {
  const managers = files.filter((path) => path.startsWith("src/manager/"));
  t.deepEqual(wayTo("native-bindings/libc.ts", managers, NOTIFIER), []);
});

test("what tells systemd of the manager is loaded only where systemd has started it", (t) => {
  t.regex(
    sourceText("src/manager/main.ts"),
    /if \(!process\.env\.NOTIFY_SOCKET\) return[\s\S]*?await import\("[^"]+service-notifier\.js"\)/,
  );
  t.notRegex(sourceText("src/manager/main.ts"), /import \{[^}]*\} from "[^"]+service-notifier\.js"/);
});

test("Raft's core is pure: no clock, no disk, no network, so that a simulation is the truth", (t) => {
  const wrong = files
    .filter((path) => path.startsWith("src/raft/core/"))
    .flatMap((path) =>
      importsOf(path)
        .filter(
          ({ target, typeOnly }) =>
            target.startsWith("node:") || (!typeOnly && !/^src\/(raft\/core|api\/generated)\//.test(target)),
        )
        .map(({ target }) => `${path} imports ${target}`),
    );
  t.deepEqual(wrong, []);
});

test("product code imports neither tests nor scripts", (t) => {
  const wrong = files
    .filter((path) => layerOf(path))
    .flatMap((path) => importsOf(path).map((one) => ({ path, target: one.target })))
    .filter(({ target }) => /^(test|scripts|bench)\//.test(target))
    .map(({ path, target }) => `${path} imports ${target}`);
  t.deepEqual(wrong, []);
});

test("imports are found in every form", (t) => {
  const text = [
    'import { a } from "./a.js";',
    "import type {",
    "  B,",
    '} from "../b.js";',
    'export { c } from "./c.js";',
    'import "node:fs";',
    'const d = await import("./d.js");',
    'new Worker(new URL("./e.js", import.meta.url));',
    'const text = `coming from "nowhere"`;',
    'const said = "import of nothing";',
  ].join("\n");
  t.deepEqual(importsOf("x/y/z.ts", text), [
    { target: "x/y/a.ts", typeOnly: false },
    { target: "x/b.ts", typeOnly: true },
    { target: "x/y/c.ts", typeOnly: false },
    { target: "node:fs", typeOnly: false },
    { target: "x/y/d.ts", typeOnly: false },
    { target: "x/y/e.ts", typeOnly: false },
  ]);
});

/** The imports, from one of `from` on, that lead to `target` when the program runs; none when nothing does. */
function wayTo(target: string, from: readonly string[], without?: string): string[] {
  const cameFrom = new Map<string, string>(from.map((path) => [path, ""]));
  for (const path of cameFrom.keys()) {
    if (path === target) {
      const way: string[] = [];
      for (let at = path; at !== ""; at = cameFrom.get(at)!) way.unshift(at);
      return way;
    }
    if (!files.includes(path)) continue;
    for (const { target: next, typeOnly } of importsOf(path, sourceText(path))) {
      if (!typeOnly && next.endsWith(".ts") && next !== without && !cameFrom.has(next)) cameFrom.set(next, path);
    }
  }
  return [];
}
