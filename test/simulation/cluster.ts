/** The managers of a simulated cluster, and an operator who takes them in and out. */
import type { JoinResult, Member } from "../../src/raft/node/raft.js";
import type { ManagerStart } from "./manager.js";
import { type Manager, SimulatedHost } from "./simulated-host.js";
import type { World } from "./world.js";

const OPERATOR_INTERVAL_MS = 150;
/** After so long the operator asks again. */
const PATIENCE_MS = 3000;

export class Cluster {
  readonly hosts: SimulatedHost[] = [];
  readonly world: World;
  #count = 0;
  /** What the operator has asked for and waits for. */
  #isBusy = false;
  #isQuiet = false;

  constructor(world: World, members: number) {
    this.world = world;
    for (let n = 0; n < members; n++) this.addHost();
    this.#operate();
  }

  get time() {
    return this.world.time;
  }

  get network() {
    return this.world.network;
  }

  get trace() {
    return this.world.trace;
  }

  hostAt(number: number): SimulatedHost {
    return this.hosts[number % this.hosts.length]!;
  }

  managers(): readonly Manager[] {
    return this.hosts.flatMap(({ manager }) => manager ?? []);
  }

  /** Of those that say so the one with the latest term. */
  leader(): Manager | undefined {
    let leader: Manager | undefined;
    for (const manager of this.managers()) {
      if (manager.raft.leadership.role !== "leader") continue;
      if (!leader || manager.raft.leadership.term > leader.raft.leadership.term) leader = manager;
    }
    return leader;
  }

  hostOf(raftId: string): SimulatedHost | undefined {
    return this.hosts.find((host) => host.manager?.raft.id === raftId);
  }

  addHost(): SimulatedHost {
    const host = new SimulatedHost(this.world, `m${++this.#count}`);
    this.hosts.push(host);
    this.start(host);
    return host;
  }

  start(host: SimulatedHost): void {
    if (host.isUp) return;
    host.start(this.#howToStart(host), async (address) => {
      if (!this.hosts.some(({ name, isUp }) => name === address && isUp)) throw new Error("nobody is there");
    });
  }

  #howToStart(host: SimulatedHost): ManagerStart {
    if (host.hasRun) return { kind: "restart" };
    if (host.name === "m1") return { kind: "bootstrap" };
    return { kind: "join", request: () => this.#requestToJoin(host) };
  }

  startLater(host: SimulatedHost, downMs: number): void {
    this.time.after(downMs, () => this.start(host));
  }

  mendLater(forMs: number): void {
    this.time.after(forMs, () => this.network.mend());
  }

  /** The operator wants it out of the cluster. */
  retire(host: SimulatedHost): void {
    if (host.isLeaving) return;
    host.isLeaving = true;
    this.trace.note("operator", `wants ${host.name} out`);
  }

  transferTo(host: SimulatedHost): void {
    const leader = this.leader();
    const to = host.manager?.raft.id;
    if (!leader || to === undefined) return;
    leader.raft.transferLeadership(to).then(
      (id) => this.trace.note(leader.name, `handed leadership to ${id}`),
      (error: Error) => this.trace.note(leader.name, `did not hand over leadership: ${error.message}`),
    );
  }

  /**
   * Whether the cluster can do without what this host has promised: its log may be lost. Its voice may be on the way to those that do not
   * vote yet, and one of those that are to go may be on its way out. Who is a member counts as each of those that run knows it, and as it
   * was before anybody left: a change that all but one have yet to hear of binds them as it was before.
   */
  canLose(host: SimulatedHost): boolean {
    if (!host.hasRun || host.wasCorrupted) return false;
    const all = this.hosts.filter(({ hasRun }) => hasRun).map(({ nodeId }) => ({ nodeId, isVoter: true }));
    return [all, ...this.managers().map(({ raft }) => raft.members())].every((view) => this.#canLose(host, view));
  }

  #canLose(host: SimulatedHost, members: readonly Pick<Member, "nodeId" | "isVoter">[]): boolean {
    const hostOf = ({ nodeId }: Pick<Member, "nodeId">) => this.hosts.find((one) => one.nodeId === nodeId);
    const isLost = (other: SimulatedHost | undefined) => !other?.hasRun || other === host || other.wasCorrupted;
    const lostLearners = members.filter((member) => !member.isVoter && isLost(hostOf(member)));
    const voters = [...members.filter((member) => member.isVoter), ...lostLearners];
    const lost = voters.filter((member) => isLost(hostOf(member)));
    const going = voters.some((member) => hostOf(member)?.isLeaving && !isLost(hostOf(member))) ? 1 : 0;
    return lost.length <= Math.floor((voters.length - going - 1) / 2);
  }

  /** All that was asked for has happened: everybody wanted is a voter and runs, nobody else is a member. */
  isSettled(): boolean {
    const members = this.#members();
    return (
      this.hosts.every(({ state, isLeaving }) => state === "running" && !isLeaving) &&
      members.length === this.hosts.length &&
      members.every((member) => member.isVoter && this.hosts.some(({ nodeId }) => nodeId === member.nodeId))
    );
  }

  /** As the leader knows them, or who has applied most. */
  #members() {
    const managers = [...this.managers()].sort((a, b) => b.machine.applied - a.machine.applied);
    return (this.leader() ?? managers[0])?.raft.members() ?? [];
  }

  /** Every now and then the operator does what is to be done. */
  #operate(): void {
    this.time.after(OPERATOR_INTERVAL_MS, () => {
      this.#operate();
      this.#replaceDamaged();
      this.#forgetRemoved();
      const leader = this.leader();
      const member = leader && this.#nextToRemove(leader.raft.members());
      if (!leader || !member || this.#isBusy) return;
      this.#isBusy = true;
      const done = (what: string) => {
        this.#isBusy = false;
        this.trace.note("operator", `${member.nodeId} (${member.raftId}) ${what}`);
      };
      this.#inTime(this.takeOut(leader, member)).then(
        () => done("is removed"),
        (error: Error) => done(`is not removed: ${error.message}`),
      );
    });
  }

  /**
   * One of those who are to go; damaged ones first, then those that do not run: they may never have heard that they were taken in. More than half of the voters that stay must have
   * sound disks. Of two voters none goes: when it is that one that commits it, and the other one's power fails before it hears of it, the
   * other one waits for the first forever.
   */
  #nextToRemove(members: readonly Member[]): Member | undefined {
    const hostOf = ({ nodeId }: Member) => this.hosts.find((host) => host.nodeId === nodeId);
    const leaving = members.filter((member) => hostOf(member)?.isLeaving ?? true);
    const chosen =
      leaving.find((member) => hostOf(member)?.state === "damaged") ??
      leaving.find((member) => hostOf(member)?.state !== "running") ??
      leaving[0];
    if (!chosen?.isVoter) return chosen;
    const rest = members.filter((member) => member.isVoter && member !== chosen);
    const unsound = rest.filter((member) => hostOf(member)?.wasCorrupted);
    return rest.length >= 2 && unsound.length <= Math.floor((rest.length - 1) / 2) ? chosen : undefined;
  }

  /** Trouble ends. Of those that are no members any more nobody needs to learn it: whom they knew may be gone as well. */
  heal(): void {
    this.#isQuiet = true;
    for (const host of this.hosts) host.heal();
    for (const host of this.hosts) this.start(host);
  }

  #replaceDamaged(): void {
    for (const host of [...this.hosts]) {
      if (host.state !== "damaged" || host.isLeaving) continue;
      this.retire(host);
      this.addHost();
    }
  }

  /** Those that know it are gone; of those that cannot learn it the others' word is enough. */
  #forgetRemoved(): void {
    const leader = this.leader();
    for (const host of [...this.hosts]) {
      const isMember = leader?.raft.members().some(({ nodeId }) => nodeId === host.nodeId) ?? true;
      const cannotLearn = this.#isQuiet || host.state === "damaged" || !host.hasRun;
      if (host.state === "removed" || (host.isLeaving && cannotLearn && !isMember)) {
        host.crash("kill");
        host.state = "removed";
        this.hosts.splice(this.hosts.indexOf(host), 1);
        this.trace.note("operator", `${host.name} is gone`);
      }
    }
  }

  /** Asks whoever leads, again and again. */
  async #requestToJoin(host: SimulatedHost): Promise<JoinResult> {
    const { process } = host.machine;
    for (;;) {
      await this.#pause();
      // Who died asks no more.
      if (!process?.isAlive) return new Promise(() => undefined);
      const leader = this.leader();
      if (!leader || host.isLeaving) continue;
      try {
        const result = await this.#inTime(this.takeIn(leader, host));
        this.trace.note(host.name, `is taken in as ${result.id}`);
        return result;
      } catch (error) {
        this.trace.note(host.name, `is not taken in: ${(error as Error).message}`);
      }
    }
  }

  /** Has the leader take a host in. */
  protected takeIn(leader: Manager, host: SimulatedHost): Promise<JoinResult> {
    return leader.raft.join(host.nodeId, host.name, { hasEmptyLog: true });
  }

  /** Has the leader remove a member. */
  protected takeOut(leader: Manager, member: Member): Promise<void> {
    return leader.raft.removeMember(member.raftId);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.time.after(OPERATOR_INTERVAL_MS, resolve));
  }

  /** Whom one asks may die. */
  #inTime<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.time.after(PATIENCE_MS, () => reject(new Error("no answer")));
      promise.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error) => {
          cancel();
          reject(error);
        },
      );
    });
  }
}
