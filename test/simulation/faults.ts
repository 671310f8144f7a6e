/** Does to a cluster what a plan says. */
import { MessageType } from "../../src/api/generated/raftpb/raft.js";
import { corruptSector } from "../raft/disk/faulty-disk.js";
import { SECTOR_BYTES } from "../raft/disk/memory-file.js";
import type { Fault } from "./actions.js";
import type { Cluster } from "./cluster.js";
import { CALM, type Weather } from "./network.js";
import type { SimulatedHost } from "./simulated-host.js";

const CONTEST_MS = 800;
const MIN_MEMBERS = 3;
const MAX_MEMBERS = 7;

export function inflict(cluster: Cluster, fault: Fault): void {
  const host = "host" in fault ? cluster.hostAt(fault.host) : undefined;
  const { network } = cluster;
  switch (fault.kind) {
    case "crash":
      host!.crash(fault.power ? "power" : "kill");
      cluster.startLater(host!, fault.downMs);
      return;
    case "crash-in-write":
      host!.failPowerAfter(fault.operations, () => cluster.startLater(host!, fault.downMs));
      return;
    case "crash-on-message":
      host!.failPowerAfterSending(fault.message, () => cluster.startLater(host!, fault.downMs));
      return;
    case "contest": {
      const leader = cluster.hosts.find(({ manager }) => manager !== undefined && manager === cluster.leader());
      for (const one of cluster.hosts) {
        if (one === leader) continue;
        one.failPowerAfterSending(MessageType.MsgVoteResp, () => cluster.startLater(one, fault.blinkMs));
      }
      leader?.crash("power");
      if (leader) cluster.startLater(leader, fault.downMs);
      setWeather(cluster, { ...CALM, maxDelayMs: fault.maxDelayMs }, CONTEST_MS);
      return;
    }
    case "blackout":
      for (const [n, one] of cluster.hosts.entries()) {
        if (fault.sides[n % fault.sides.length] === "b") continue;
        one.crash("power");
        cluster.startLater(one, fault.downMs * (1 + n / 2));
      }
      return;
    case "corrupt":
      corrupt(cluster, host!, fault.where);
      cluster.startLater(host!, fault.downMs);
      return;
    case "partition": {
      const { hosts } = cluster;
      const side = (n: number) => fault.sides[n % fault.sides.length];
      for (const [a, one] of hosts.entries()) {
        for (const [b, other] of hosts.entries()) if (side(a) !== side(b)) network.cut(one.name, other.name);
      }
      cluster.mendLater(fault.forMs);
      return;
    }
    case "cut": {
      const [from, to] = [cluster.hostAt(fault.from), cluster.hostAt(fault.to)];
      if (from !== to) network.cut(from.name, to.name);
      cluster.mendLater(fault.forMs);
      return;
    }
    case "deafen":
      for (const other of cluster.hosts) {
        if (other === host) continue;
        if (fault.direction === "in") network.cut(other.name, host!.name);
        else network.cut(host!.name, other.name);
      }
      cluster.mendLater(fault.forMs);
      return;
    case "weather":
      setWeather(cluster, fault.weather, fault.forMs);
      return;
    case "slow-disk":
      host!.slowDisk(fault.syncMs, fault.forMs);
      return;
    case "pause":
      host!.machine.pause(fault.forMs);
      return;
    case "clock-jump":
      host!.machine.jumpClock(fault.byMs);
      return;
    case "clock-rate":
      host!.machine.setClockRate(fault.rate);
      return;
    case "join":
      if (cluster.hosts.length < MAX_MEMBERS) cluster.addHost();
      return;
    case "remove":
      if (cluster.hosts.filter((one) => !one.isLeaving).length > MIN_MEMBERS) cluster.retire(host!);
      return;
    case "replace":
      cluster.retire(host!);
      if (cluster.hosts.length < MAX_MEMBERS + 1) cluster.addHost();
      return;
    case "transfer":
      cluster.transferTo(cluster.hostAt(fault.to));
      return;
    case "stop":
      host!.stop(() => cluster.startLater(host!, fault.downMs));
      return;
    case "rotate-key":
      host!.rotateKey();
      return;
    case "snapshot":
      host!.takeSnapshot();
      return;
  }
}

/** Bits of one sector turn, where more of the file is in use behind it: what is last in a log looks as if it had never been written whole. */
function corrupt(cluster: Cluster, host: SimulatedHost, where: number): void {
  if (!cluster.canLose(host)) return;
  host.crash("kill");
  const sectors = host.disk.names().flatMap((name) => {
    const file = host.disk.file(name);
    const used = usedBytes(file.read(0, file.size));
    const inner = Math.floor(used / SECTOR_BYTES) - 2;
    return Array.from({ length: Math.max(0, inner) }, (_, sector) => ({ name, sector }));
  });
  const chosen = sectors[Math.floor(where * sectors.length)];
  if (!chosen) return;
  cluster.trace.note(host.name, `sector ${chosen.sector} of ${chosen.name} goes bad`);
  host.wasCorrupted = true;
  corruptSector(host.disk, chosen.name, chosen.sector);
}

/** Up to the last byte that is not zero. */
function usedBytes(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function setWeather({ network, time }: Cluster, weather: Weather, forMs: number): void {
  network.weather = weather;
  time.after(forMs, () => {
    if (network.weather === weather) network.weather = CALM;
  });
}
