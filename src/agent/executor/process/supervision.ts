/**
 * A task's processes as seen from the agent, whichever agent started them: its supervisor, its cgroups, its files.
 * Knows the task by its id only, so that traces of tasks nobody remembers can be removed too.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { TaskError } from "../executor.js";
import type { CgroupHierarchy } from "./cgroup-hierarchies.js";
import { PROBE_CGROUP } from "./cgroup-plan.js";
import { Deadline } from "./deadline.js";
import { Lifeline } from "./lifeline.js";
import { findChild, type ProcessIdentity, readStat, signalProcess } from "./process-identity.js";
import type { Starter } from "./starter.js";
import { emptyCgroups, removeCgroups } from "./task-cgroup.js";
import { TaskFiles, type TaskFolders } from "./task-files.js";
import type { ChoosePlace, TaskPlace } from "./task-place.js";

const LOOK_AGAIN_MS = 5;
/** Between the fork of the supervisor and its first line of shell there are milliseconds. */
const SETUP_DEADLINE_MS = 5000;

export class Supervision {
  readonly files: TaskFiles;
  readonly place: TaskPlace;
  readonly #starter: Starter;
  readonly #cgroupFolders: readonly string[];
  #lifeline: Lifeline | undefined;

  constructor(
    folders: TaskFolders,
    choosePlace: ChoosePlace,
    readonly taskId: string,
    readonly label: string,
    readonly hierarchies: readonly CgroupHierarchy[],
    starter: Starter,
  ) {
    this.files = new TaskFiles(folders, taskId);
    this.place = choosePlace(taskId, this.files);
    this.#starter = starter;
    this.#cgroupFolders = hierarchies.map(({ mountPoint }) => join(mountPoint, this.place.cgroup));
  }

  /** @returns undefined when the task does not run */
  lifeline(): Lifeline | undefined {
    this.#lifeline ??= Lifeline.attach(this.files.lifeline);
    return this.#lifeline;
  }

  /** Opens the lifeline of a task that is about to start. @returns the end for the supervisor; the caller closes it */
  openLifeline(): number {
    const { lifeline, fd } = Lifeline.create(this.files.lifeline);
    this.#lifeline = lifeline;
    return fd;
  }

  /** The process that the command became, while it lives. */
  command(): ProcessIdentity | undefined {
    const supervisor = this.files.supervisor();
    const started = this.files.startedPid();
    return supervisor && started ? findChild(supervisor.pid, started) : undefined;
  }

  /**
   * unshare(1) waits for the process that it forked, to no use once the task runs: the supervisor has freed itself from it.
   * Whoever adopts a task may still find it there.
   */
  dismissLauncher(): void {
    const supervisor = this.files.supervisor();
    const parent = supervisor && readStat(readStat(supervisor.pid)?.parentPid ?? 0);
    if (parent?.program === "unshare") signalProcess(parent, "SIGKILL");
  }

  /** SIGKILL for everything; resolves when nothing is left. @throws TaskError when something stays */
  async kill(): Promise<void> {
    const lifeline = this.lifeline();
    if (lifeline) {
      let gone = false;
      const ended = lifeline.ended.then(() => {
        gone = true;
      });
      const deadline = performance.now() + SETUP_DEADLINE_MS;
      while (!gone) {
        const supervisor = this.files.supervisor();
        if (supervisor && signalProcess(supervisor, "SIGKILL")) break;
        if (performance.now() > deadline) {
          // It never got as far as its own cgroups.
          if (this.place.unit) await this.#starter.killUnit(this.place.unit);
          break;
        }
        await Promise.race([ended, pause(LOOK_AGAIN_MS)]);
      }
    }
    const probes = this.#cgroupFolders.map((folder) => join(folder, PROBE_CGROUP)).filter(existsSync);
    await emptyCgroups([...this.#cgroupFolders, ...probes], this.label);
    if (lifeline) await this.#awaitEnd(lifeline);
  }

  /** Removes unit, cgroups and files. Kills what still runs. */
  async remove(): Promise<void> {
    await this.kill();
    this.release();
    if (this.files.unit()) await this.#starter.stopUnit(this.files.unit()![0]);
    await removeCgroups(this.hierarchies, this.place, this.label);
    await this.files.remove();
  }

  release(): void {
    this.#lifeline?.release();
    this.#lifeline = undefined;
  }

  /** Empty cgroups with a living supervisor mean that it never joined them: nothing may be left behind unsaid. */
  async #awaitEnd(lifeline: Lifeline): Promise<void> {
    const deadline = new Deadline(SETUP_DEADLINE_MS);
    const isLate = await Promise.race([lifeline.ended.then(() => false), deadline.passed.then(() => true)]);
    deadline.cancel();
    if (isLate) throw new TaskError(`${this.label}: its supervisor does not go although it was killed`, false);
  }
}
