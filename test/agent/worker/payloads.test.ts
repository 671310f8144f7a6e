/** Secrets on a node: from an assignment into a task, and none of them on its disk. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import {
  AssignmentsMessage as AssignmentsCodec,
  type AssignmentsMessage,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { makeTaskBed, processTask, until } from "../executor/task-bed.js";
import { complete } from "./fakes.js";
import { startWorker } from "./process-worker.js";

const PASSWORD = "correct horse battery staple";

const task = (desiredState = TaskState.RUNNING): Task => ({
  ...processTask("one", ["sh", "-c", "cat /run/secrets/pw; exec sleep 600"], {
    secrets: [
      {
        secretId: "id",
        secretName: "password",
        target: { $case: "file", value: { name: "pw", uid: "0", gid: "0", mode: 0o444 } },
      },
    ],
  }),
  desiredState,
});

/** A complete message, with the secret before the tasks. */
function given(tasks: readonly Task[]): AssignmentsMessage {
  const secret = { id: "id", spec: { annotations: { name: "password" }, data: Buffer.from(PASSWORD) } };
  const message = complete(tasks);
  return AssignmentsCodec.fromPartial({
    ...message,
    changes: [{ assignment: { item: { $case: "secret", value: secret } } }, ...message.changes],
  } as never);
}

function holders(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes(PASSWORD));
}

test("a secret that comes with its task is in the task, and in no file of the agent's", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal } = await startWorker(t, bed);
  worker.apply(given([task()]));
  await journal.seen("RUNNING one");
  await bed.said("one", PASSWORD);
  t.deepEqual(holders(bed.stateDir), [join(bed.stateDir, "tasks/one/stdout")]);
  worker.apply(complete([task()], "2"));
  t.is(worker.assignments.secrets.size, 0, "what was taken back is forgotten");
});

test("a task that an agent finds on its disk waits for its secret until a manager has been reached", async (t) => {
  const bed = makeTaskBed(t);
  const first = await startWorker(t, bed, async () => {
    throw new Error("no network yet");
  });
  first.worker.apply(given([task()]));
  await first.journal.seen("STARTING one");
  await first.stop();
  t.deepEqual(holders(bed.stateDir), []);
  const second = await startWorker(t, bed);
  const late = "web.1: secret password is not on this node until a manager has been reached";
  await until(() => second.statuses.get("one")?.err === late);
  second.worker.apply(given([task()]));
  await second.journal.seen("RUNNING one");
  await bed.said("one", PASSWORD);
  t.is(second.statuses.get("one")?.err, "");
});

test("a task whose secret the manager did not give is rejected, by the secret's name", async (t) => {
  const bed = makeTaskBed(t);
  const { worker, journal, statuses } = await startWorker(t, bed);
  worker.apply(complete([task()]));
  await journal.seen("REJECTED one");
  t.is(statuses.get("one")?.err, "web.1: secret password was not given to this node");
});

test("a running task keeps its file when the agent starts anew and knows no secret", async (t) => {
  const bed = makeTaskBed(t);
  const first = await startWorker(t, bed);
  first.worker.apply(given([task()]));
  await first.journal.seen("RUNNING one");
  await first.stop();
  const second = await startWorker(t, bed);
  await until(() => second.worker.tasks().length === 1);
  const [pid] = bed.pids("one");
  t.is(readFileSync(`/proc/${pid}/root/run/secrets/pw`, "utf8"), PASSWORD);
  t.is(second.worker.tasks()[0]?.status?.state, TaskState.RUNNING);
});
