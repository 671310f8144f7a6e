/** One concern of the manager that brings the store nearer to what is wanted. */
import type { StoreEvent } from "../../store/change.js";
import type { StoreReader } from "../../store/reader.js";
import type { Selector } from "../../store/watch-hub.js";

export interface Reconciler {
  readonly name: string;
  /** Which changes it must hear of. */
  readonly selectors: readonly Selector[];
  /** Takes in the whole state, once, before the first event. */
  begin(read: StoreReader): void;
  /** Notes where to look; quick. @returns whether there is anything to do */
  noticed(events: readonly StoreEvent[]): boolean;
  /**
   * Does what is to be done now. What it could not finish because of an error it must try again at the next call.
   * @returns when to be called again though nothing was noticed, in milliseconds since 1970
   */
  reconcile(): Promise<number | undefined>;
}
