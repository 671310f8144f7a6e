/** `npm run sim`: simulates clusters of managers from seed after seed, in several processes. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { parseOptions, type SimOptions, USAGE } from "./options.js";
import type { WorkerResult, WorkerTask } from "./worker.js";

const PROGRESS_INTERVAL_MS = 5000;
/** After so many failures more of them tell nothing new. */
const MAX_FAILURES = 10;
/** A seed that takes longer, its story included, goes in circles. */
const SEED_TIMEOUT_MS = 600_000;

let options: SimOptions | "help";
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${USAGE}\n`);
  process.exit(2);
}
if (options === "help") {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}
process.exit(await simulate(options));

async function simulate({ first, seeds, jobs, ...rest }: SimOptions): Promise<number> {
  const startedAt = performance.now();
  const failures: number[] = [];
  let next = first;
  let done = 0;
  let events = 0;
  let simulatedMs = 0;
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const progress = () => {
    const seconds = (performance.now() - startedAt) / 1000;
    say(
      `${done} of ${seeds} seeds, ${failures.length} failures; ${(done / seconds).toFixed(1)} seeds/s, ${Math.round(events / seconds)} events/s, ${Math.round(simulatedMs / 1000)} s simulated in ${seconds.toFixed(1)} s`,
    );
  };
  const timer = setInterval(progress, PROGRESS_INTERVAL_MS);
  const taken = (result: WorkerResult) => {
    done++;
    events += result.events;
    simulatedMs += result.simulatedMs;
    if (!result.ok) failures.push(result.seed);
    if (result.text !== "") say(result.text);
  };
  const nextTask = (): WorkerTask | undefined => {
    if (next >= first + seeds || failures.length >= MAX_FAILURES) return undefined;
    return { seed: next++, options: rest };
  };
  await Promise.all(Array.from({ length: jobs }, () => work(nextTask, taken)));
  clearInterval(timer);
  progress();
  if (failures.length > 0) say(`failed: ${failures.sort((a, b) => a - b).join(", ")}`);
  return failures.length > 0 ? 1 : 0;
}

/** Has one process run seeds until there are none. A process that dies counts as a failure of its seed. */
async function work(nextTask: () => WorkerTask | undefined, taken: (result: WorkerResult) => void): Promise<void> {
  let worker: ChildProcess | undefined;
  for (let task = nextTask(); task; task = nextTask()) {
    worker ??= fork(join(import.meta.dirname, "worker.js"), { stdio: "inherit" });
    const result = await outcomeOf(worker, task);
    if (!worker.connected) worker = undefined;
    taken(result);
  }
  worker?.disconnect();
}

function outcomeOf(worker: ChildProcess, task: WorkerTask): Promise<WorkerResult> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => worker.kill("SIGKILL"), SEED_TIMEOUT_MS);
    const onMessage = (result: WorkerResult) => {
      clearTimeout(timer);
      worker.off("exit", onExit);
      resolve(result);
    };
    const onExit = (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(timer);
      worker.off("message", onMessage);
      const text = `seed ${task.seed}: the process died (${signal ?? `exit code ${code}`})`;
      resolve({ seed: task.seed, ok: false, text, events: 0, simulatedMs: 0 });
    };
    worker.once("message", onMessage);
    worker.once("exit", onExit);
    worker.send(task);
  });
}
