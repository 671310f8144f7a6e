/** What a process or a container may ask for, and what is refused. */
import test from "ava";
import { ProcessSpec } from "../../../src/api/generated/tswarm/v1/process.js";
import { checkServiceSpec } from "../../../src/manager/control/validation/service-spec.js";
import { type PartialServiceSpec, processService } from "../test-cluster.js";

type PartialProcess = Parameters<typeof ProcessSpec.fromPartial>[0];

function process(more: PartialProcess): PartialServiceSpec {
  const value = ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["x"], ...more })).finish() as Buffer;
  const payload = { typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec", value };
  return { task: { runtime: { $case: "generic", value: { kind: "process", payload } } } };
}
const container = (more: object): PartialServiceSpec => ({
  task: { runtime: { $case: "container", value: { image: "i", ...more } } },
});
const health = (more: object) => process({ healthcheck: { test: ["CMD", "x"], ...more } });
const file = (name: string, more: object = {}) => ({ $case: "file" as const, value: { name, mode: 0o444, ...more } });
const secret = (name: string, target: object | undefined) =>
  ({ secretId: `id-${name}`, secretName: name, target }) as never;
const config = (name: string, target: object | undefined) =>
  ({ configId: `id-${name}`, configName: name, target }) as never;
const mount = (more: object) => process({ mounts: [{ type: 0, source: "/srv", target: "/mnt", ...more }] });
const resources = (more: object): PartialServiceSpec => ({ task: { resources: more } });
const ulimit = (name: string, soft: number, hard: number) => process({ ulimits: [{ name, soft, hard }] });

const REFUSED: readonly (readonly [what: string, spec: PartialServiceSpec, text: string])[] = [
  [
    "interval",
    health({ interval: { nanos: 999_999 } }),
    "ProcessSpec: Interval in HealthConfig cannot be less than 1ms",
  ],
  ["timeout", health({ timeout: { seconds: -1 } }), "ProcessSpec: Timeout in HealthConfig cannot be less than 1ms"],
  [
    "start period",
    health({ startPeriod: { nanos: 1 } }),
    "ProcessSpec: StartPeriod in HealthConfig cannot be less than 1ms",
  ],
  [
    "start interval",
    health({ startInterval: { nanos: 1 } }),
    "ProcessSpec: StartInterval in HealthConfig cannot be less than 1ms",
  ],
  ["retries", health({ retries: -1 }), "ProcessSpec: Retries in HealthConfig cannot be negative"],
  [
    "a container's interval",
    container({ healthcheck: { interval: { nanos: 1 } } }),
    "ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
  ],
  ...[["CMD"], ["CMD", ""], ["CMD-SHELL"], ["CMD-SHELL", "a", "b"], ["NONE", "a"], ["curl"]].map(
    (words) =>
      [
        `the test ${JSON.stringify(words)}`,
        health({ test: words }),
        "ProcessSpec: the test of a HealthConfig is CMD with words, CMD-SHELL with a line, or NONE",
      ] as const,
  ),
  ["a secret without id", process({ secrets: [{ secretName: "s", target: file("s") }] }), "malformed secret reference"],
  ["a container's secret without name", container({ secrets: [{ secretId: "s" }] }), "malformed secret reference"],
  ["a config without name", process({ configs: [{ configId: "s", target: file("s") }] }), "malformed config reference"],
  [
    "a secret without target",
    process({ secrets: [secret("s", undefined)] }),
    "malformed secret reference, no target provided",
  ],
  [
    "a container's secret without target",
    container({ secrets: [secret("s", undefined)] }),
    "malformed secret reference, no target provided",
  ],
  [
    "a target without name",
    process({ secrets: [secret("s", file(""))] }),
    "malformed file secret reference, invalid target file name provided",
  ],
  [
    "a target twice",
    process({ secrets: [secret("s", file("x")), secret("r", file("/run/secrets/x"))] }),
    "secret references 's' and 'r' have a conflicting target: '/run/secrets/x'",
  ],
  [
    "a secret's and a config's target",
    process({ secrets: [secret("s", file("/a"))], configs: [config("c", file("/a"))] }),
    "config references 's' and 'c' have a conflicting target: '/a'",
  ],
  [
    "a config for the runtime",
    process({ configs: [config("c", { $case: "runtime", value: {} })] }),
    "config c: a process is given configs as files only",
  ],
  [
    "a target that climbs",
    process({ secrets: [secret("s", file("../x"))] }),
    'secret s: the target "../x" is not a plain path: empty parts, . and .. have no place in it',
  ],
  [
    "a user by name",
    process({ secrets: [secret("s", file("x", { uid: "www" }))] }),
    'secret s: "www" is not the number of a user or group',
  ],
  [
    "no group at all",
    process({ secrets: [secret("s", file("x", { gid: "4294967295" }))] }),
    'secret s: "4294967295" is not the number of a user or group',
  ],
  [
    "a mode",
    process({ secrets: [secret("s", file("x", { mode: 0o4755 }))] }),
    "secret s: the mode 4755 is more than 777",
  ],
  ["a volume", mount({ type: 1 }), "ProcessSpec: mount /mnt: a process can have bind and tmpfs mounts only"],
  ["a relative mount", mount({ target: "mnt" }), 'ProcessSpec: the mount target "mnt" is not an absolute path'],
  [
    "a mount that climbs",
    mount({ target: "/a/../b" }),
    'ProcessSpec: the mount target "/a/../b" is not a plain path: empty parts, . and .. have no place in it',
  ],
  ["a relative source", mount({ source: "srv" }), 'ProcessSpec: mount /mnt: the source "srv" is not an absolute path'],
  ["a tmpfs of something", mount({ type: 2 }), "ProcessSpec: mount /mnt: a tmpfs has no source"],
  [
    "a mount twice",
    process({
      mounts: [
        { source: "/a", target: "/mnt" },
        { source: "/b", target: "/mnt" },
      ],
    }),
    "ProcessSpec: duplicate mount point: /mnt",
  ],
  ["a ulimit", ulimit("files", 1, 1), 'ProcessSpec: no such ulimit: "files"'],
  [
    "a ulimit that grows",
    ulimit("nofile", 2, 1),
    "ProcessSpec: ulimit nofile: 2:1 is not a soft limit up to a hard one",
  ],
  [
    "an unlimited soft limit",
    ulimit("nofile", -1, 1),
    "ProcessSpec: ulimit nofile: -1:1 is not a soft limit up to a hard one",
  ],
  ["a relative folder", process({ dir: "srv" }), 'ProcessSpec: the working folder "srv" is not an absolute path'],
  ["a variable", process({ env: ["A$=1"] }), 'ProcessSpec: the environment variable name "A$" cannot be used'],
  [
    "a NUL",
    process({ user: "a\0" }),
    "ProcessSpec: a NUL character has no place in a command, a variable, a folder or a user",
  ],
  [
    "a signal",
    process({ stopSignal: "SIGRTMIN" }),
    'ProcessSpec: "SIGRTMIN" is no signal that stops a process: SIGTERM is, or a number from 1 to 31',
  ],
  ["processes", process({ pidsLimit: -1 }), "ProcessSpec: the limit on processes cannot be negative"],
  ["swap alone", resources({ swapBytes: 1 }), "ProcessSpec: a swap limit needs a memory limit"],
  [
    "swappiness",
    resources({ memorySwappiness: 101 }),
    "ProcessSpec: memory swappiness is a number from 0 to 100, or -1",
  ],
  ["a capability", process({ capabilityAdd: ["CAP_FLY"] }), 'ProcessSpec: no such capability: "CAP_FLY"'],
  ["a capability to drop", process({ capabilityDrop: ["fly"] }), 'ProcessSpec: no such capability: "fly"'],
];

for (const [what, spec, text] of REFUSED) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => checkServiceSpec(processService("web", 1, spec), []), { message: text });
  });
}

const ACCEPTED: readonly (readonly [what: string, spec: PartialServiceSpec])[] = [
  ["a health check with defaults", health({ interval: { seconds: 0 }, retries: 0 })],
  ["a health check with all", health({ interval: { nanos: 1_000_000 }, timeout: { seconds: 1 }, retries: 9 })],
  ["no health check", health({ test: ["NONE"] })],
  ["the image's test", container({ healthcheck: { interval: { seconds: 1 } } })],
  ["files", process({ secrets: [secret("s", file("a/b"))], configs: [config("c", file("/etc/c", { uid: "33" }))] })],
  ["a container's config for the runtime", container({ configs: [config("c", { $case: "runtime", value: {} })] })],
  [
    "mounts",
    process({
      mounts: [
        { source: "/a", target: "/mnt" },
        { type: 2, target: "/tmp" },
      ],
    }),
  ],
  ["signals", process({ stopSignal: "usr1", env: ["A.b/c:d-e=1", "F"], dir: "/srv" })],
  ["swap", resources({ limits: { memoryBytes: 64 * 1024 ** 2 }, swapBytes: 0, memorySwappiness: -1 })],
  ["ulimits", ulimit("nofile", 1024, -1)],
  ["capabilities", process({ capabilityAdd: ["ALL"], capabilityDrop: ["net_raw", "CAP_KILL"] })],
];

for (const [what, spec] of ACCEPTED) {
  test(`accepted: ${what}`, (t) => t.notThrows(() => checkServiceSpec(processService("web", 1, spec), [])));
}
