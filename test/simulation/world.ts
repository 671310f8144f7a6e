/** All that a simulated cluster lives in. */
import type { RaftSettings } from "../../src/raft/node/settings.js";
import type { Store } from "../../src/store/store.js";
import { Clients } from "./clients.js";
import type { ManagerSurroundings } from "./manager.js";
import { Network } from "./network.js";
import type { Plan } from "./plan.js";
import type { Planted } from "./planted.js";
import { ProcessHost } from "./process-host.js";
import { Rules } from "./rules.js";
import type { Manager } from "./simulated-host.js";
import { Switchboard } from "./simulated-transport.js";
import { Trace } from "./trace.js";
import { VirtualTime } from "./virtual-time.js";

export class World {
  readonly time: VirtualTime;
  readonly trace: Trace;
  readonly rules: Rules;
  readonly network: Network;
  readonly switchboard: Switchboard;
  readonly clients: Clients;

  /** Small, so that files follow each other often. */
  readonly segmentBytes: number = 8 << 10;
  readonly seed: number;
  readonly settings: Partial<RaftSettings>;
  readonly hasTies: boolean;

  constructor(
    plan: Pick<Plan, "seed" | "settings" | "hasTies">,
    readonly planted: Planted,
    time = new VirtualTime(),
  ) {
    this.time = time;
    this.trace = new Trace(time);
    this.rules = new Rules(this.trace);
    this.clients = new Clients(time, this.trace, this.rules);
    this.seed = plan.seed;
    this.settings = plan.settings;
    this.hasTies = plan.hasTies;
    this.network = new Network(this.time, plan.seed);
    this.switchboard = new Switchboard(this.network, (process, message) => {
      this.rules.sent(message);
      process.host.onSent(message.type);
    });
  }

  /** @param onSent called when a message of the process that runs there is out, with its type */
  makeMachine(name: string, onSent: (type: number) => void): ProcessHost {
    return new ProcessHost(name, this.time, onSent);
  }

  /** A manager's store, before anything is in it. */
  made(_store: Store): void {}

  /** A manager's log runs: what belongs to it moves in. */
  begun(_manager: Manager, _around: ManagerSurroundings): void {}

  /** Ends a manager as an operator does it. */
  end(manager: Manager): Promise<void> {
    return manager.raft.stop();
  }
}
