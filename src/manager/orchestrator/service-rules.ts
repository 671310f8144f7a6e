/** What one version of a service says of its tasks. Made anew when the service changes. */
import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Constraint, nodeMatches, parseConstraints } from "../scheduler/constraint.js";
import { DirtyCheck } from "./dirty.js";
import { iterationOf, specOf } from "./new-task.js";
import type { Slot } from "./slot.js";
import type { CareRules } from "./slot-care.js";
import { isFailure, type ProgressRules } from "./slot-progress.js";
import { lastUpdate, updateInProgress } from "./task-marks.js";
import { type UpdateSettings, updateSettings } from "./update-settings.js";

export class ServiceRules implements CareRules, ProgressRules {
  readonly service: Service;
  readonly update: string | undefined;
  readonly lastUpdate: string | undefined;
  readonly settings: UpdateSettings;
  /** Of a job. */
  readonly iteration: number | undefined;
  /** What its tasks are meant to be in the end. */
  readonly goal: TaskState.RUNNING | TaskState.COMPLETE;
  readonly #check: DirtyCheck;
  readonly #nodeOf: (id: string) => Node | undefined;
  readonly #constraints: readonly Constraint[];

  /** @param before of the same service: what was found out about its tasks is kept where they look the same */
  constructor(service: Service, nodeOf: (id: string) => Node | undefined, before?: ServiceRules) {
    this.service = service;
    this.update = updateInProgress(service);
    this.lastUpdate = lastUpdate(service);
    this.settings = updateSettings(service);
    this.iteration = iterationOf(service);
    this.goal = this.iteration === undefined ? TaskState.RUNNING : TaskState.COMPLETE;
    const isSame = before?.service.spec === service.spec && before?.service.specVersion === service.specVersion;
    this.#check = before && isSame ? before.#check : new DirtyCheck(service);
    this.#constraints = before && isSame ? before.#constraints : parse(service);
    this.#nodeOf = nodeOf;
  }

  get isGlobal(): boolean {
    const mode = this.service.spec?.mode?.$case;
    return mode === "global" || mode === "globalJob";
  }

  fits(node: Node): boolean {
    return nodeMatches(this.#constraints, node);
  }

  isClean(task: Task): boolean {
    return this.iteration !== undefined || !this.#check.isDirty(task, this.#nodeOf(task.nodeId));
  }

  isFailure(slot: Slot, task: Task): boolean {
    return isFailure(slot, task, this);
  }
}

function parse(service: Service): readonly Constraint[] {
  return parseConstraints(specOf(service).placement?.constraints ?? []);
}
