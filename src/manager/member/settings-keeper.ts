/** Gives the log the settings that the cluster has for it. */
import type { Raft } from "../../raft/node/raft.js";
import type { Store } from "../../store/store.js";

export class SettingsKeeper {
  readonly #store: Store;
  readonly #raft: Raft<unknown>;
  readonly #end: () => void;

  constructor(store: Store, raft: Raft<unknown>) {
    this.#store = store;
    this.#raft = raft;
    this.#end = store.watch([{ kind: "cluster" }], () => this.#apply());
    this.#apply();
  }

  stop(): void {
    this.#end();
  }

  #apply(): void {
    const [cluster] = this.#store.view((read) => read.all("cluster"));
    const settings = cluster?.spec?.raft;
    if (!settings || settings.snapshotInterval < 1) return;
    this.#raft.setSnapshotSettings({
      snapshotEntries: settings.snapshotInterval,
      keepEntries: settings.logEntriesForSlowFollowers,
      keepSnapshots: settings.keepOldSnapshots,
    });
    const { electionTick: electionTicks, heartbeatTick: heartbeatTicks } = settings;
    if (heartbeatTicks > 0 && electionTicks > heartbeatTicks) this.#raft.setTicks({ electionTicks, heartbeatTicks });
  }
}
