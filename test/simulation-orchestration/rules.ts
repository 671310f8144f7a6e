/** What must be true in every world, after every step. */
import type { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeStatus_State as NodeState,
  UpdateConfig_UpdateOrder as Order,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { deskView } from "../../src/manager/orchestrator/desk-view.js";
import { presenceOf } from "../../src/manager/orchestrator/presence.js";
import { ServiceDesk } from "../../src/manager/orchestrator/service-desk.js";
import { isMadeBy, updateInProgress } from "../../src/manager/orchestrator/task-marks.js";
import { updateSettings } from "../../src/manager/orchestrator/update-settings.js";
import { isWanted, stateOf } from "../../src/manager/task-life.js";
import type { StoreEvent } from "../../src/store/change.js";
import type { Temper } from "./temper.js";
import type { World } from "./world.js";

/** Watches a world from now on. @returns checks what holds between steps */
export function keepRules(world: World): (temper: Temper) => void {
  world.store.watch([{ kind: "task" }, { kind: "service" }], (events) => {
    for (const event of events) {
      if (event.kind === "task") seeTask(world, event);
      if (event.kind === "service") seeService(world, event);
    }
  });
  return (temper) => {
    noSlotRunsTwice(world);
    if (world.hasLeader) anotherWouldWantNothing(world);
    if (temper.node === 0 && temper.failure === 0) notTooManyAtOnce(world);
  };
}

function breach(world: World, text: string): void {
  world.defects.push(text);
  world.tell(text);
}

/** Who has just been told everything wants nothing that the leader, which was told bit by bit, has not done. */
function anotherWouldWantNothing(world: World): void {
  const view = deskView(world.store, world.clock.now());
  const gone = world.tasks().map(({ serviceId }) => serviceId);
  for (const id of new Set([...world.services().map((service) => service.id), ...gone])) {
    const work = new ServiceDesk(
      id,
      world.services().find((service) => service.id === id),
    ).pass(view);
    let step = work.next();
    while (!step.done) step = work.next();
    // How long an update was to be watched for a slot that takes no part any more only the present leader knows.
    const wanted = step.value.steps.find(([first]) => first?.kind !== "update-status");
    if (wanted)
      breach(world, `${nameOf(world, id)}: another leader would want ${JSON.stringify(wanted).slice(0, 200)}`);
  }
}

/** A rollback brings back what was there before. */
function seeService(world: World, { object: service, previous }: StoreEvent & { readonly kind: "service" }): void {
  const isBegin = service.updateStatus?.state === UpdateState.ROLLBACK_STARTED;
  if (!isBegin || !previous || previous.updateStatus?.state === UpdateState.ROLLBACK_STARTED) return;
  if (service.spec !== previous.previousSpec)
    breach(world, `${nameOf(world, service.id)} was rolled back to nothing known`);
}

/** In a world in which nothing goes wrong by itself an update has no more slots under way than it may. */
function notTooManyAtOnce(world: World): void {
  for (const service of world.services()) {
    const update = updateInProgress(service);
    const { parallelism } = updateSettings(service);
    if (update === undefined) continue;
    const underWay = world
      .tasks(service.id)
      .filter((task) => isMadeBy(task, update) && isWanted(task) && stateOf(task) < TaskState.RUNNING);
    if (underWay.length > parallelism) {
      breach(world, `${nameOf(world, service.id)}: ${underWay.length} slots are under way, ${parallelism} may be`);
    }
  }
}

function seeTask(world: World, { action, object: task, previous }: StoreEvent & { readonly kind: "task" }): void {
  const { id } = task;
  if (action !== "remove" && previous) {
    if (stateOf(task) < stateOf(previous)) breach(world, `task ${id} fell back to ${TaskState[stateOf(task)]}`);
    if (task.desiredState < previous.desiredState) breach(world, `task ${id} is wanted again`);
    if (isWanted(previous) && task.desiredState === TaskState.SHUTDOWN) noSlotIsEmptied(world, previous);
  }
  const runs = action === "remove" && !world.excused.has(id) && runsSomewhere(world, id);
  if (runs) breach(world, `task ${id} is forgotten, and runs`);
}

/** Start-first: while a service of that kind is changed, what is up is stopped only for something that is up. */
function noSlotIsEmptied(world: World, stopped: Task): void {
  const service = world.services().find(({ id }) => id === stopped.serviceId);
  if (!service || !isStartFirst(world, stopped.serviceId) || stateOf(stopped) !== TaskState.RUNNING) return;
  const around = {
    nowMs: world.clock.now(),
    node: (id: string) => world.storedNodes().find((node) => node.id === id),
  };
  if (presenceOf(stopped, around) !== "here") return;
  // A global service ends at once where it is not wanted any more.
  const isUnfit = (service.spec?.task?.placement?.constraints.length ?? 0) > 0;
  if (service.spec?.mode?.$case === "global" && isUnfit) return;
  const others = world.tasks(stopped.serviceId).filter((task) => task.slot === stopped.slot && task.id !== stopped.id);
  const isUp = others.some((task) => stateOf(task) === TaskState.RUNNING && isWanted(task));
  if (!isUp) breach(world, `slot ${stopped.slot} of ${nameOf(world, stopped.serviceId)} is empty by start-first`);
}

/** What really runs, wherever: one task of a slot, unless its node was given up, or the service starts the new one first. */
function noSlotRunsTwice(world: World): void {
  const seen = new Map<string, string>();
  for (const node of world.nodes.values()) {
    for (const task of node.running()) {
      if (world.excused.has(task.id) || isStartFirst(world, task.serviceId)) continue;
      if (world.storedNodes().find(({ id }) => id === node.id)?.status?.state !== NodeState.READY) continue;
      const slot = `${task.serviceId}/${task.slot || node.id}`;
      const other = seen.get(slot);
      if (other) breach(world, `${nameOf(world, task.serviceId)}: ${other} and ${task.id} run in slot ${slot}`);
      seen.set(slot, task.id);
    }
  }
}

function runsSomewhere(world: World, taskId: string): boolean {
  return [...world.nodes.values()].some((node) => node.running().some(({ id }) => id === taskId));
}

/** By its name: a service keeps its order for all its life here. */
function isStartFirst(world: World, serviceId: string): boolean {
  const service = world.services().find(({ id }) => id === serviceId);
  if (service) return service.spec?.update?.order === Order.START_FIRST;
  const [task] = world.tasks(serviceId);
  return task?.serviceAnnotations?.name.startsWith("first") ?? true;
}

function nameOf(world: World, serviceId: string): string {
  return world.services().find(({ id }) => id === serviceId)?.spec?.annotations?.name ?? serviceId;
}
