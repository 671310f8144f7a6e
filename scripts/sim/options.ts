/** What `npm run sim` can be told. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

/** What is simulated. */
export type SimWorld =
  /** Managers, their log and their store. */
  | "raft"
  /** Managers with all that they do, and nodes. */
  | "cluster";

export interface SimOptions {
  readonly world: SimWorld;
  readonly first: number;
  readonly seeds: number;
  /** Managers at the beginning; by the seed when undefined. */
  readonly members: number | undefined;
  /** Nodes of a cluster besides those of its managers; by the seed when undefined. */
  readonly agents: number | undefined;
  /** Faults of one run; the usual number when undefined. */
  readonly steps: number | undefined;
  readonly jobs: number;
  readonly isTold: boolean;
}

export const USAGE = `usage: npm run sim -- [--seeds N] [--first N] [--seed N] [--members 3..7] [--steps N] [--jobs N] [--tell]
                      [--world cluster [--agents N]]

  --world W     raft: managers, their log and their store, without it; cluster: all that managers do, with nodes
  --seeds N     run so many seeds (1000)
  --first N     beginning with this one (1)
  --seed N      run this one alone
  --members N   begin with so many managers; without it the seed decides
  --agents N    so many nodes besides those of the managers (cluster); without it the seed decides
  --steps N     so many faults in each run (60; cluster: 30), and requests in proportion
  --jobs N      processes (one for each core)
  --tell        print the whole story also of a seed that is well (with --seed)

A failure prints the seed, how to run it again, and a story with all that could be left out left out. Exit code 1 then.`;

/** @throws Error with a line for the user */
export function parseOptions(args: readonly string[]): SimOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string" },
      first: { type: "string" },
      seed: { type: "string" },
      members: { type: "string" },
      world: { type: "string" },
      agents: { type: "string" },
      steps: { type: "string" },
      jobs: { type: "string" },
      tell: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  const number = (name: Exclude<keyof typeof values, "tell" | "help" | "world">, low: number, high: number) => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      throw new Error(`--${name} takes a whole number from ${low} to ${high}, not ${JSON.stringify(text)}`);
    }
    return value;
  };
  const seed = number("seed", 0, Number.MAX_SAFE_INTEGER);
  const seeds = seed === undefined ? (number("seeds", 1, 1e9) ?? 1000) : 1;
  const world = values.world ?? "raft";
  if (world !== "raft" && world !== "cluster")
    throw new Error(`--world is raft or cluster, not ${JSON.stringify(world)}`);
  const agents = number("agents", 1, 1000);
  if (agents !== undefined && world !== "cluster") throw new Error("--agents is of --world cluster");
  return {
    world,
    agents,
    first: seed ?? number("first", 0, Number.MAX_SAFE_INTEGER - 1e9) ?? 1,
    seeds,
    members: number("members", 3, 7),
    steps: number("steps", 0, 10_000),
    jobs: Math.min(number("jobs", 1, 256) ?? availableParallelism(), seeds),
    isTold: values.tell ?? false,
  };
}

/** How a person runs one seed again. */
export function replayCommand(
  seed: number,
  options: Pick<SimOptions, "world" | "members" | "agents" | "steps">,
): string {
  const world = options.world === "raft" ? "" : ` --world ${options.world}`;
  const agents = options.agents === undefined ? "" : ` --agents ${options.agents}`;
  const members = options.members === undefined ? "" : ` --members ${options.members}`;
  const steps = options.steps === undefined ? "" : ` --steps ${options.steps}`;
  return `npm run sim -- --seed ${seed}${world}${members}${agents}${steps}`;
}
