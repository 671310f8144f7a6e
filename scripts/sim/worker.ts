/** One process of `npm run sim`: runs the seeds that it is sent, and says how each ended. */
import { simulateAndTell } from "../../test/simulation/tell.js";
import { simulateClusterAndTell } from "../../test/simulation-cluster/tell-cluster.js";
import { replayCommand, type SimOptions } from "./options.js";

export interface WorkerTask {
  readonly seed: number;
  readonly options: Pick<SimOptions, "world" | "members" | "agents" | "steps" | "isTold">;
}

export interface WorkerResult {
  readonly seed: number;
  readonly ok: boolean;
  /** For a person; empty when all was well and no story was asked for. */
  readonly text: string;
  readonly events: number;
  readonly simulatedMs: number;
}

// Nobody waits for the answer any more.
process.on("disconnect", () => process.exit());
process.on("message", (task: WorkerTask) => {
  void run(task).then((result) => process.send!(result));
});

async function run({ seed, options }: WorkerTask): Promise<WorkerResult> {
  const tell = options.world === "cluster" ? simulateClusterAndTell : simulateAndTell;
  const { outcome, text } = await tell(seed, options, replayCommand(seed, options));
  return { seed, ok: outcome.breach === undefined, text, events: outcome.events, simulatedMs: outcome.simulatedMs };
}
