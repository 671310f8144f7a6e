/**
 * What runs a task. One Executor per runtime (process, container …); one TaskController per task.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { HealthCheck } from "../health/health-watch.js";
import type { Payloads } from "./payloads.js";

/** How a task ended. */
export interface TaskExit {
  /** Exit status, or 128 + signal number. */
  readonly code: number;
  readonly signal?: string;
  /** One line for people, for example "out of memory: killed at 64 MiB". */
  readonly message?: string;
}

/** Where a task's processes live: made by the agent's network before `start`. */
export interface TaskSandbox {
  /** Path of the network namespace's file. */
  readonly namespacePath: string;
  readonly hostname: string;
  /** Whole text of /etc/resolv.conf and /etc/hosts inside. */
  readonly resolvConf: string;
  readonly hosts: string;
}

/** Errors that say whether a new try can help. */
export class TaskError extends Error {
  override readonly name = "TaskError";
  constructor(
    message: string,
    /** True: this task can never run here (REJECTED). False: try again. */
    readonly fatal: boolean,
  ) {
    super(message);
  }
}

export interface TaskController {
  /** Checks and prepares all that needs no network: program found, user known, folders, cgroup. @throws TaskError */
  prepare(): Promise<void>;
  /** Starts the command in the sandbox; a task that already runs (agent restart) is adopted. @throws TaskError */
  start(sandbox: TaskSandbox): Promise<{ readonly pid: number }>;
  /** Checks of the running task's health; undefined when it has none. Whoever asks closes them. */
  health?(): HealthCheck | undefined;
  /** Whether anything of the task runs now, whichever agent started it. */
  isRunning(): Promise<boolean>;
  /** Resolves when the task has ended; also for a task that ended while no agent ran. @throws TaskError when it left no trace */
  wait(): Promise<TaskExit>;
  /** Stop signal, then after the grace period SIGKILL; resolves when nothing of the task runs any more. */
  shutdown(): Promise<void>;
  /** SIGKILL at once. */
  terminate(): Promise<void>;
  /** Removes every trace: cgroup, mounts, files. The task must have ended. */
  remove(): Promise<void>;
  /** Lets go of the task without touching it: the agent stops, the task runs on. */
  detach(): void;
}

export interface Executor {
  /** Runtime kind, "process" for example. */
  readonly runtime: string;
  /** @param payloads what the node has of secrets and configs, as it is when they are asked for; default: none */
  controller(task: Task, payloads?: Payloads): TaskController;
  /** Ids of tasks that this executor has traces of, running or not: after a restart, those that nobody wants are removed. */
  list(): Promise<readonly string[]>;
  /** Removes all traces of a task that is no longer known. Kills what still runs of it. */
  purge(taskId: string): Promise<void>;
}
