/** How many tasks a service or a job has: read from flags, and changed. */
import type { ServiceSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import { UsageError } from "../../failure.js";
import type { FlagReader } from "../../flag-reader.js";
import { oneOf, parseWhole } from "../../values/amount.js";

type Mode = ServiceSpec["mode"];

/** Flags that say how a service changes; a job is not updated task by task, it runs anew. */
const CHANGE_FLAGS = (["update", "rollback"] as const).flatMap((prefix) =>
  ["parallelism", "delay", "order", "failure-action", "monitor", "max-failure-ratio"].map(
    (name) => `--${prefix}-${name}`,
  ),
);
const JOB_IS_NOT_UPDATED = "a job is not updated task by task: each change runs it anew";

/** Reads --mode, --replicas and --max-concurrent of `service create`. @throws UsageError */
export function readMode(flags: FlagReader): Mode {
  const mode = flags.value("--mode", oneOf("replicated", "global", "replicated-job", "global-job")) ?? "replicated";
  const isGlobal = mode === "global" || mode === "global-job";
  if (isGlobal) {
    flags.refuse(
      ["--replicas", "--replicas-max-per-node"],
      `a ${mode === "global" ? "global service" : "global job"} runs one task on each node: leave it out, or use --mode ${mode === "global" ? "replicated" : "replicated-job"}`,
    );
  }
  if (mode !== "replicated-job") {
    flags.refuse(["--max-concurrent"], "only a replicated job has it: leave it out, or use --mode replicated-job");
  }
  if (mode.endsWith("-job")) {
    flags.refuse([...CHANGE_FLAGS, "--update-progress-deadline"], JOB_IS_NOT_UPDATED);
  }
  const replicas = flags.value("--replicas", parseWhole) ?? 1;
  switch (mode) {
    case "global":
      return { $case: "global", value: {} };
    case "global-job":
      return { $case: "globalJob", value: {} };
    case "replicated-job": {
      const maxConcurrent = flags.value("--max-concurrent", parseConcurrent) ?? replicas;
      return { $case: "replicatedJob", value: { totalCompletions: replicas, maxConcurrent } };
    }
    default:
      return { $case: "replicated", value: { replicas } };
  }
}

/** Reads --replicas and --max-concurrent of `service update`. @returns what makes the new mode of the old @throws UsageError */
export function readModeEdit(flags: FlagReader): (spec: ServiceSpec) => Mode {
  const replicas = flags.value("--replicas", parseWhole);
  const maxConcurrent = flags.value("--max-concurrent", parseConcurrent);
  return (spec) => {
    if (isJob(spec)) flags.refuse([...CHANGE_FLAGS, "--update-progress-deadline"], JOB_IS_NOT_UPDATED);
    const mode = replicas === undefined ? spec.mode : withReplicas(spec, replicas, "--replicas");
    if (maxConcurrent === undefined) return mode;
    if (mode?.$case !== "replicatedJob") {
      throw new UsageError(`--max-concurrent: service ${spec.annotations?.name} is not a replicated job`);
    }
    return { $case: "replicatedJob", value: { ...mode.value, maxConcurrent } };
  };
}

/** Another number of replicas, or of completions of a replicated job. @throws UsageError for another mode */
export function withReplicas(spec: ServiceSpec, replicas: number, flag: string): Mode {
  const { mode } = spec;
  if (mode?.$case === "replicatedJob") {
    return { $case: "replicatedJob", value: { ...mode.value, totalCompletions: replicas } };
  }
  if (mode !== undefined && mode.$case !== "replicated") {
    throw new UsageError(
      `${flag}: service ${spec.annotations?.name} is not replicated: the number of its tasks follows from its mode`,
    );
  }
  return { $case: "replicated", value: { replicas } };
}

export function isJob({ mode }: ServiceSpec): boolean {
  return mode?.$case === "replicatedJob" || mode?.$case === "globalJob";
}

function parseConcurrent(text: string, flag: string): number {
  return parseWhole(text, flag, 1);
}
