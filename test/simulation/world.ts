/** All that a simulated cluster lives in. */
import type { RaftSettings } from "../../src/raft/node/settings.js";
import { Clients } from "./clients.js";
import { Network } from "./network.js";
import type { Plan } from "./plan.js";
import type { Planted } from "./planted.js";
import { Rules } from "./rules.js";
import { Switchboard } from "./simulated-transport.js";
import { Trace } from "./trace.js";
import { VirtualTime } from "./virtual-time.js";

export class World {
  readonly time = new VirtualTime();
  readonly trace = new Trace(this.time);
  readonly rules = new Rules(this.trace);
  readonly network: Network;
  readonly switchboard: Switchboard;
  readonly clients = new Clients(this.time, this.trace, this.rules);

  readonly seed: number;
  readonly settings: Partial<RaftSettings>;
  readonly hasTies: boolean;

  constructor(
    plan: Plan,
    readonly planted: Planted,
  ) {
    this.seed = plan.seed;
    this.settings = plan.settings;
    this.hasTies = plan.hasTies;
    this.network = new Network(this.time, plan.seed);
    this.switchboard = new Switchboard(this.network, (process, message) => {
      this.rules.sent(message);
      process.host.onSent(message.type);
    });
  }
}
