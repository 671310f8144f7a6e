import { Snapshot } from "../../../src/api/generated/docker/swarmkit/v1/raft.js";
import type { CommittedEntry, StateMachine } from "../../../src/raft/node/raft.js";

/** A state that shows everything that was applied: the texts, in order. */
export class ListMachine implements StateMachine<string> {
  values: string[] = [];
  /** What came with the entries that were proposed here. */
  readonly locals: string[] = [];
  lastIndex = 0;
  restored = 0;
  /** Thrown at the next apply. */
  fault: Error | undefined;

  apply(entries: readonly CommittedEntry<string>[]): void {
    if (this.fault) throw this.fault;
    for (const { index, data, local } of entries) {
      if (index !== this.lastIndex + 1) throw new Error(`entry ${index} after entry ${this.lastIndex}`);
      this.lastIndex = index;
      if (data.length > 0) this.values.push(Buffer.from(data).toString());
      if (local !== undefined) this.locals.push(local);
    }
  }

  snapshot(): Iterable<Uint8Array> {
    return encoded([...this.values]);
  }

  async restore(parts: AsyncIterable<Uint8Array>, index: number): Promise<void> {
    const values: string[] = [];
    for await (const part of parts) values.push(...(Snapshot.decode(part).store?.extensions ?? []).map(({ id }) => id));
    this.values = values;
    this.lastIndex = index;
    this.restored++;
  }
}

function* encoded(values: readonly string[]): Generator<Uint8Array> {
  for (const id of values) yield Snapshot.encode(Snapshot.create({ store: { extensions: [{ id }] } })).finish();
}
