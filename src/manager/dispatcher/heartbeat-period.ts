/** How often nodes are to be heard of, as the cluster's settings say. */
import { durationMs } from "../../api/time.js";
import type { StoreReader } from "../../store/reader.js";
import type { HeartbeatSettings } from "./node-sessions.js";

const DEFAULT_PERIOD_MS = 5000;
const GRACE_FACTOR = 3;
/** After another manager took over, nodes have longer to find it. */
export const TAKEOVER_FACTOR = 6;

export class HeartbeatPeriod {
  #settings: HeartbeatSettings = { periodMs: DEFAULT_PERIOD_MS, graceFactor: GRACE_FACTOR };

  get settings(): HeartbeatSettings {
    return this.#settings;
  }

  /** To be called whenever the cluster object has changed. */
  look(read: StoreReader): void {
    const [cluster] = read.all("cluster");
    const periodMs = durationMs(cluster?.spec?.dispatcher?.heartbeatPeriod, DEFAULT_PERIOD_MS);
    if (periodMs !== this.#settings.periodMs) this.#settings = { periodMs, graceFactor: GRACE_FACTOR };
  }
}
