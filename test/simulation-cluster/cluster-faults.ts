/** Does to a swarm what a plan says. */
import type { Fault } from "../simulation/actions.js";
import { inflict } from "../simulation/faults.js";
import type { ClusterAction, NodeFault, PeopleAction } from "./cluster-actions.js";
import type { ClusterWorld } from "./cluster-world.js";
import { personActs } from "./people.js";
import type { Swarm } from "./swarm.js";

const MIN_NODES = 4;

export function act(world: ClusterWorld, swarm: Swarm, action: ClusterAction): void {
  if (action.kind === "people") personActs(world, swarm, action as PeopleAction);
  else if (isOfNodes(action)) disturb(world, swarm, action);
  else inflict(swarm, action as Fault);
}

function isOfNodes(action: ClusterAction): action is { readonly at: number } & NodeFault {
  return /^node|^split$|^lose-|^storm$|^replace-node$/.test(action.kind);
}

function disturb(world: ClusterWorld, swarm: Swarm, fault: NodeFault): void {
  const { network, lines, time } = world;
  const node = "node" in fault ? swarm.nodeAt(fault.node) : undefined;
  const ofA = (letters: string) => swarm.nodes.filter((_, n) => letters[n % letters.length] === "a");
  switch (fault.kind) {
    case "node-crash":
      node!.crash(fault.power);
      node!.startLater(fault.downMs);
      return;
    case "nodes-crash":
      for (const [n, one] of ofA(fault.sides).entries()) {
        one.crash(fault.power);
        one.startLater(fault.downMs * (1 + n / 20));
      }
      return;
    case "node-cut":
      for (const other of [...swarm.hosts, ...swarm.nodes]) {
        if (other.name === node!.name) continue;
        if (fault.direction !== "out") network.cut(other.name, node!.name);
        if (fault.direction !== "in") network.cut(node!.name, other.name);
      }
      swarm.mendLater(fault.forMs);
      return;
    case "split": {
      const side = new Map(swarm.hosts.map(({ name }, n) => [name, fault.managers[n % fault.managers.length]]));
      for (const [n, { name }] of swarm.nodes.entries()) {
        if (!side.has(name)) side.set(name, fault.nodes[n % fault.nodes.length]);
      }
      for (const [one, a] of side) for (const [other, b] of side) if (a !== b) network.cut(one, other);
      swarm.mendLater(fault.forMs);
      return;
    }
    case "node-pause":
      node!.machine.pause(fault.forMs);
      return;
    case "node-clock":
      node!.machine.jumpClock(fault.byMs);
      return;
    case "node-clock-rate":
      node!.machine.setClockRate(fault.rate);
      return;
    case "lose-assignments":
      node!.losing = fault.messages;
      return;
    case "storm":
      for (let n = 0; n < fault.times; n++) {
        time.after(n * fault.everyMs, () => {
          for (const { machine } of ofA(fault.sides)) if (machine.process) lines.sever(machine.process);
        });
      }
      return;
    case "replace-node":
      if (swarm.nodes.length <= MIN_NODES || !node!.name.startsWith("w")) return;
      swarm.retireNode(node!);
      swarm.addNode();
      return;
  }
}
