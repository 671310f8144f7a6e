/** All that a simulated cluster of managers and nodes lives in. */
import { Cluster } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { durationOf } from "../../src/api/time.js";
import { type NewCluster, newCluster } from "../../src/manager/ca/new-cluster.js";
import type { Store } from "../../src/store/store.js";
import type { ManagerSurroundings } from "../simulation/manager.js";
import { SOUND } from "../simulation/planted.js";
import type { ProcessHost } from "../simulation/process-host.js";
import { SeededRandom } from "../simulation/random.js";
import type { Manager } from "../simulation/simulated-host.js";
import { World } from "../simulation/world.js";
import type { ClusterPlan } from "./cluster-plan.js";
import { Ledger } from "./ledger.js";
import { Lines } from "./lines.js";
import { NodeRules } from "./node-rules.js";
import type { PlantedInCluster } from "./planted.js";
import { Exchange } from "./simulated-grpc.js";
import { SimulatedManager } from "./simulated-manager.js";
import { TurnHost, TurnTime } from "./whose-turn.js";

/** Where the clocks of all hosts begin; see ProcessHost. */
export const EPOCH_MS = 1_700_000_000_000;
/** Certificates of the simulation are not signed: nothing but texts. */
const ROOT = Buffer.from("the root of a simulated cluster\n");

export class ClusterWorld extends World {
  override readonly segmentBytes = 256 << 10;
  readonly lines: Lines;
  readonly exchange: Exchange;
  readonly ledger: Ledger;
  readonly nodeRules: NodeRules;
  readonly heartbeatMs: number;
  readonly newCluster: NewCluster;
  readonly flaws: PlantedInCluster;
  readonly #managers = new WeakMap<Manager, SimulatedManager>();

  constructor(plan: ClusterPlan, flaws: PlantedInCluster) {
    const time = new TurnTime();
    super(plan, SOUND, time);
    this.flaws = flaws;
    this.heartbeatMs = plan.heartbeatMs;
    this.lines = new Lines(time, this.network, new SeededRandom(plan.seed, "lines"));
    this.exchange = new Exchange(this.lines);
    this.ledger = new Ledger((rule, text) => this.rules.broken(rule, text));
    this.nodeRules = new NodeRules(this.ledger, (rule, text) => this.rules.broken(rule, text));
    this.ledger.onForgotten = (task) => this.nodeRules.forgotten(task);
    this.newCluster = clusterOf(plan);
  }

  get clusterId(): string {
    return this.newCluster.cluster.id;
  }

  get turns(): TurnTime {
    return this.time as TurnTime;
  }

  override makeMachine(name: string, onSent: (type: number) => void): ProcessHost {
    return new TurnHost(name, this.turns, onSent, (process) => this.lines.died(process));
  }

  override made(store: Store): void {
    this.ledger.watch(store);
  }

  override begun(manager: Manager, around: ManagerSurroundings): void {
    this.#managers.set(manager, new SimulatedManager(this, manager, around));
  }

  override end(manager: Manager): Promise<void> {
    return this.#managers.get(manager)!.member.stop();
  }

  partsOf(manager: Manager): SimulatedManager {
    return this.#managers.get(manager)!;
  }
}

function clusterOf({ seed, heartbeatMs, settings, subnetBits }: ClusterPlan): NewCluster {
  const random = new SeededRandom(seed, "cluster");
  const {
    electionTicks = 10,
    heartbeatTicks = 1,
    snapshotEntries = 500,
    keepEntries = 50,
    keepSnapshots = 0,
  } = settings;
  const made = newCluster({
    defaults: { heartbeatPeriodMs: heartbeatMs, dataPathPort: 4789 },
    random: random.bytes,
    nowMs: EPOCH_MS,
    request: {
      defaultAddrPoolMaskLength: subnetBits,
      spec: Cluster.fromPartial({
        spec: {
          orchestration: { taskHistoryRetentionLimit: random.int(6) },
          dispatcher: { heartbeatPeriod: durationOf(heartbeatMs) },
          raft: {
            snapshotInterval: snapshotEntries,
            keepOldSnapshots: keepSnapshots,
            logEntriesForSlowFollowers: keepEntries,
            heartbeatTick: heartbeatTicks,
            electionTick: electionTicks,
          },
        },
      }).spec!,
    },
  });
  const { rootCa } = made.cluster;
  const joinTokens = { worker: "SWMTKN-1-worker", manager: "SWMTKN-1-manager" };
  return { ...made, cluster: { ...made.cluster, rootCa: { ...rootCa!, caCert: ROOT, caKey: ROOT, joinTokens } } };
}
