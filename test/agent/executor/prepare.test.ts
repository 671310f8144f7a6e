import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { DEFAULT_PATH } from "../../../src/agent/executor/process/environment.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { makeTaskBed, processTask } from "./task-bed.js";

test("what can never run is refused with one line before anything is made", async (t) => {
  const bed = makeTaskBed(t);
  const folder = mkdtempSync(join(tmpdir(), "tswarm-prepare-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "plain"), "text", { mode: 0o644 });
  const cases: readonly [readonly string[], object, string][] = [
    [["nodee"], {}, `command not found: nodee (looked in ${DEFAULT_PATH})`],
    [["sh"], { env: ["PATH=/nowhere:/no"] }, "command not found: sh (looked in /nowhere:/no)"],
    [["./sh"], { dir: "/usr" }, "command not found: ./sh"],
    [["/etc"], {}, "/etc is not a program but a folder"],
    [[`${folder}/plain`], {}, `${folder}/plain is not executable`],
    [["sh"], { user: "nosuchuser" }, "no such user: nosuchuser"],
    [["sh"], { user: "root:nosuchgroup" }, "no such group: nosuchgroup"],
    [["sh"], { groups: ["nosuchgroup"] }, "no such group: nosuchgroup"],
    [["sh"], { user: "4294967295" }, "no such user: 4294967295"],
    [["sh"], { dir: "/nosuchfolder" }, "working folder /nosuchfolder: ENOENT"],
    [["sh"], { dir: "/etc/passwd" }, "working folder /etc/passwd is not a folder"],
  ];
  for (const [command, spec, message] of cases) {
    const error = await t.throwsAsync(bed.controller(command, spec).prepare());
    t.like(error, { name: "TaskError", fatal: true, message: `web.1: ${message}` });
  }
  t.deepEqual(await bed.executor.list(), []);
});

test("a spec that makes no sense has no controller", (t) => {
  const bed = makeTaskBed(t);
  const refused = (command: readonly string[], spec: object, message: string) =>
    t.like(
      t.throws(() => bed.controller(command, spec)),
      { name: "TaskError", fatal: true, message: `web.1: ${message}` },
    );
  refused([], {}, "the service gives no command");
  refused(["sh"], { dir: "relative" }, "the working folder relative is not an absolute path");
  refused(["sh"], { stopSignal: "SIGNOT" }, "no such stop signal: SIGNOT");
  refused(["sh"], { env: ["=x"] }, 'environment variable name "" cannot be used');
  refused(["sh"], { env: ["a b=x"] }, 'environment variable name "a b" cannot be used');
  refused(["sh"], { pidsLimit: -1 }, "a resource limit is negative");
  refused(["sh\0"], {}, "a NUL character in the command, folder or user");
  const escaping = processTask("../escape", ["sh"]);
  t.throws(() => bed.executor.controller(escaping), { message: /cannot name a folder/ });
  const other = Task.fromPartial({
    id: "x",
    spec: {
      runtime: { $case: "generic", value: { kind: "process", payload: { typeUrl: "type.googleapis.com/other" } } },
    },
  });
  t.throws(() => bed.executor.controller(other), {
    message: /^x: the process runtime needs a payload of type .*, not type/,
  });
});

test("programs are found by PATH, by absolute path and below the working folder", async (t) => {
  const bed = makeTaskBed(t);
  for (const [command, spec] of [
    [["sh", "-c", "exit 5"], {}],
    [["/bin/sh", "-c", "exit 5"], {}],
    [["./sh", "-c", "exit 5"], { dir: "/bin" }],
    [["bin/sh", "-c", "exit 5"], { dir: "/" }],
    [["sh", "-c", "exit 5"], { env: ["PATH=/nowhere:/bin"], user: "nobody" }],
  ] as const) {
    const task = await bed.started(command, { ...spec, env: "env" in spec ? [...spec.env] : [] });
    t.is((await task.wait()).code, 5, command.join(" "));
  }
});
