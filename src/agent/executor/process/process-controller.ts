/** Runs one task as a process on the host's files, in a sandbox of its own. */
import { closeSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HealthCheck } from "../../health/health-watch.js";
import { type TaskController, TaskError, type TaskExit, type TaskSandbox } from "../executor.js";
import type { Payloads } from "../payloads.js";
import { type CgroupPlan, planCgroups } from "./cgroup-plan.js";
import { Deadline } from "./deadline.js";
import { taskEnvironment } from "./environment.js";
import { describeExit, LOST_SUPERVISOR_STATUS } from "./exit-status.js";
import { checkHost, type HostFacts } from "./host-check.js";
import { initScript, type LaunchFacts, probeScript, runScript, setupScript } from "./launch-scripts.js";
import type { Launcher } from "./launcher.js";
import type { Lifeline } from "./lifeline.js";
import { OWN_FILES } from "./mount-targets.js";
import { PayloadFeed } from "./payload-feed.js";
import { PAYLOADS, payloadLines } from "./payload-files.js";
import { PROBE_ANSWERS, PROBE_ORDERS } from "./probe-answer.js";
import { ProcessHealth } from "./process-health.js";
import { signalProcess } from "./process-identity.js";
import type { ProcessTask } from "./process-task.js";
import { namespaceMounts, sandboxFstab } from "./sandbox-mounts.js";
import { SETUP_PATH, type Starter } from "./starter.js";
import type { Supervision } from "./supervision.js";
import { countOutOfMemoryKills, createCgroups } from "./task-cgroup.js";
import { LIFELINE } from "./task-files.js";
import { cgroupLines, unitScript } from "./task-unit.js";

const SETUP_DEADLINE_MS = 30_000;
/** How long what was seen of the host holds: nobody tidies up between preparing a task and starting it at once. */
const HOST_FACTS_LAST_MS = 1000;
/** In the task's folder. */
const UNIT_SCRIPT = "unit-script";

/** What starts a task: the agent itself, or systemd where a task is to be a unit. */
export interface TaskStarters {
  readonly direct: Launcher;
  readonly systemd: Starter;
}

export class ProcessController implements TaskController {
  readonly #task: ProcessTask;
  readonly #supervision: Supervision;
  readonly #cgroups: CgroupPlan;
  readonly #starters: TaskStarters;
  readonly #payloads: Payloads;
  #host: { readonly facts: HostFacts; readonly seenAtMs: number } | undefined;

  /** @throws TaskError when a limit cannot be kept on this node */
  constructor(task: ProcessTask, supervision: Supervision, starters: TaskStarters, payloads: Payloads) {
    this.#task = task;
    this.#payloads = payloads;
    this.#starters = starters;
    this.#supervision = supervision;
    this.#cgroups = planCgroups(
      supervision.hierarchies,
      supervision.place.cgroup,
      task.limits,
      (reason) => this.#fail(reason),
      task.health !== undefined,
    );
  }

  health(): HealthCheck | undefined {
    const { health, label } = this.#task;
    const { probes } = this.#cgroups;
    return health && probes ? new ProcessHealth(health.times, this.#supervision.files, probes, label) : undefined;
  }

  async prepare(): Promise<void> {
    await this.#checkHost();
    this.#payloadData();
    await this.#supervision.files.make();
    const fifos = [
      LIFELINE,
      ...(this.#task.health ? [PROBE_ORDERS, PROBE_ANSWERS] : []),
      ...(this.#task.files.length > 0 ? [PAYLOADS] : []),
    ];
    for (const name of fifos) this.#supervision.files.makeFifo(name);
    await this.#createCgroups();
  }

  async start(sandbox: TaskSandbox): Promise<{ readonly pid: number }> {
    const { files } = this.#supervision;
    if (!this.#supervision.lifeline() && files.supervisor() === undefined) await this.#launch(sandbox);
    else await this.#adopt();
    return { pid: this.#supervision.command()?.pid ?? files.supervisor()?.pid ?? 0 };
  }

  async isRunning(): Promise<boolean> {
    return this.#supervision.lifeline() !== undefined;
  }

  async wait(): Promise<TaskExit> {
    const { files } = this.#supervision;
    const lifeline = this.#supervision.lifeline();
    if (lifeline) await lifeline.ended;
    else if (files.supervisor() === undefined) this.#fail("this node has no trace of the task's process");
    const kills = files.outOfMemoryKills() ?? countOutOfMemoryKills(this.#cgroups);
    return describeExit(files.exitStatus() ?? LOST_SUPERVISOR_STATUS, kills, this.#task.limits.memoryBytes);
  }

  async shutdown(): Promise<void> {
    const lifeline = this.#supervision.lifeline();
    const command = this.#supervision.command();
    if (lifeline && command && signalProcess(command, this.#task.stopSignal)) {
      const grace = new Deadline(this.#task.stopGraceMs);
      await Promise.race([lifeline.ended, grace.passed]);
      grace.cancel();
    }
    await this.#supervision.kill();
  }

  async terminate(): Promise<void> {
    await this.#supervision.kill();
  }

  async remove(): Promise<void> {
    await this.#supervision.remove();
  }

  detach(): void {
    this.#supervision.release();
  }

  async #checkHost(): Promise<HostFacts> {
    const now = performance.now();
    if (!this.#host || now - this.#host.seenAtMs > HOST_FACTS_LAST_MS) {
      this.#host = { facts: await checkHost(this.#task, (reason) => this.#fail(reason)), seenAtMs: now };
    }
    return this.#host.facts;
  }

  /** What the task's files hold, in their order. @throws TaskError when the node has not got it, fatal when it will not come */
  #payloadData(): readonly Uint8Array[] {
    return this.#task.files.map(({ kind, id, name }) => {
      const data = this.#payloads[kind](id);
      if (data) return data;
      const isComplete = this.#payloads.isComplete();
      const reason = isComplete ? "was not given to this node" : "is not on this node until a manager has been reached";
      throw new TaskError(`${this.#task.label}: ${kind} ${name} ${reason}`, isComplete);
    });
  }

  /** Another agent started it, or this one earlier. */
  async #adopt(): Promise<void> {
    const lifeline = this.#supervision.lifeline();
    if (!lifeline) return;
    if (this.#supervision.files.startedPid() === undefined) {
      // Nobody goes on with what another agent did not finish: the set-up notices, and fails.
      if (this.#task.files.length > 0) PayloadFeed.hangUp(this.#supervision.files.path(PAYLOADS));
      await this.#awaitStarted(lifeline);
    } else this.#supervision.dismissLauncher();
  }

  async #launch(sandbox: TaskSandbox): Promise<void> {
    const { files } = this.#supervision;
    // A task may have waited long for its start, and somebody may have tidied up meanwhile.
    const { account, mountTargets } = await this.#checkHost();
    const data = this.#payloadData();
    await this.#createCgroups();
    const { unit, unitCgroup } = this.#supervision.place;
    const facts: LaunchFacts = {
      name: `${this.#task.label}.${this.#task.id}`,
      hostname: sandbox.hostname,
      // With version 2 there is a counter where there is a limit.
      ...(unit && this.#task.limits.memoryBytes > 0 ? { outOfMemoryCounter: this.#cgroups.outOfMemoryCounter } : {}),
      makeCgroups: unit ? cgroupLines(this.#cgroups) : [],
      joinFirst: this.#cgroups.joinFirst,
      joinLast: this.#cgroups.joinLast,
      unmount: namespaceMounts(readFileSync("/proc/self/mountinfo", "utf8"), sandbox.namespacePath),
      account,
      boundingSet: this.#task.boundingSet,
      limitOptions: this.#task.limitOptions,
      payloads: payloadLines(
        this.#task.files,
        data.map(({ length }) => length),
      ),
      env: taskEnvironment(this.#task.env, sandbox.hostname, account.home),
      dir: this.#task.dir,
      command: this.#task.command,
      ...(this.#task.health && this.#cgroups.probes
        ? { probe: { command: this.#task.health.command, join: join(this.#cgroups.probes, "cgroup.procs") } }
        : {}),
    };
    const bound = OWN_FILES.map((name) => ({ source: files.path(name), target: mountTargets[name] }));
    files.write({
      ...(unit && unitCgroup ? this.#unitFiles(unit, unitCgroup, sandbox) : {}),
      "resolv.conf": sandbox.resolvConf,
      hosts: sandbox.hosts,
      hostname: `${sandbox.hostname}\n`,
      fstab: sandboxFstab(bound, existsSync, readFileSync("/proc/filesystems", "utf8"), this.#task.mounts),
      setup: setupScript(facts),
      init: initScript(facts),
      run: runScript(facts),
      ...(facts.probe ? { probe: probeScript(facts) } : {}),
    });
    const feed = data.length > 0 ? new PayloadFeed(files.path(PAYLOADS), data) : undefined;
    try {
      await this.#launchSetup(facts.name, sandbox);
    } finally {
      feed?.close();
    }
  }

  async #launchSetup(name: string, sandbox: TaskSandbox): Promise<void> {
    const { files, place } = this.#supervision;
    const { unit } = place;
    const fd = this.#supervision.openLifeline();
    try {
      if (unit) await this.#starters.systemd.startUnit(unit, name, files.path(UNIT_SCRIPT));
      else await this.#starters.direct.startTask(this.#task.label, files, sandbox.namespacePath);
    } catch (error) {
      this.#supervision.release();
      throw error;
    } finally {
      closeSync(fd);
    }
    const lifeline = this.#supervision.lifeline();
    if (lifeline) await this.#awaitStarted(lifeline);
    else this.#setupFailed();
  }

  /** A unit's cgroup is systemd's to make: in it the set-up makes the task's. */
  async #createCgroups(): Promise<void> {
    if (!this.#supervision.place.unit) await createCgroups(this.#cgroups, this.#task.label);
  }

  #unitFiles(unit: string, cgroup: string, { namespacePath }: TaskSandbox): Readonly<Record<string, string>> {
    const { files, hierarchies } = this.#supervision;
    return {
      unit: `${unit} ${cgroup}\n`,
      [UNIT_SCRIPT]: unitScript({
        hierarchies,
        cgroup,
        folder: files.folder,
        outputFolder: files.outputFolder,
        namespacePath,
        path: SETUP_PATH,
      }),
    };
  }

  async #awaitStarted(lifeline: Lifeline): Promise<void> {
    const deadline = new Deadline(SETUP_DEADLINE_MS);
    const outcome = await Promise.race([
      lifeline.started.then(() => "started" as const),
      lifeline.ended.then(() => "ended" as const),
      deadline.passed.then(() => "late" as const),
    ]);
    deadline.cancel();
    if (outcome === "late") throw new TaskError(`${this.#task.label}: the sandbox was not set up in time`, false);
    if (outcome === "ended") this.#setupFailed();
    this.#supervision.dismissLauncher();
  }

  #setupFailed(): never {
    const messages = this.#supervision.files.setupMessages() || "its supervisor ended without a word";
    this.#fail(`cannot set up the task's sandbox: ${messages}`);
  }

  #fail(reason: string): never {
    throw new TaskError(`${this.#task.label}: ${reason}`, true);
  }
}
