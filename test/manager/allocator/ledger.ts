/** Who holds what, read from the store's commits alone, and since when what is free is free. */
import type { Node, Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ADDRESS_REST_MS } from "../../../src/manager/allocator/offset-pool.js";
import { isOver } from "../../../src/manager/task-life.js";
import type { Clock } from "../../../src/store/clock.js";
import type { Store } from "../../../src/store/store.js";

export class Ledger {
  readonly wrong: string[] = [];
  /** "network address" or "port" → who has it. */
  readonly #owners = new Map<string, string>();
  readonly #held = new Map<string, readonly string[]>();
  readonly #freedAt = new Map<string, number>();
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#clock = clock;
    store.watch([{ kind: "node" }, { kind: "service" }, { kind: "task" }], (events) => {
      // What one commit moves from one to the other is free in between.
      for (const event of events) if (event.action === "remove") this.#see(`${event.kind} ${event.object.id}`, []);
      for (const event of events) {
        if (event.action === "remove") continue;
        const id = `${event.kind} ${event.object.id}`;
        if (event.kind === "node") this.#see(id, attachmentsOf(event.object));
        if (event.kind === "service") this.#see(id, [...virtualIpsOf(event.object), ...portsOf(event.object)]);
        if (event.kind === "task") this.#see(id, isOver(event.object) ? [] : attachmentsOf(event.object));
      }
    });
  }

  get heldCount(): number {
    return this.#owners.size;
  }

  #see(id: string, held: readonly string[]): void {
    const before = this.#held.get(id) ?? [];
    for (const one of before.filter((one) => !held.includes(one))) {
      this.#owners.delete(one);
      this.#freedAt.set(one, this.#clock.now());
    }
    for (const one of held.filter((one) => !before.includes(one))) {
      const owner = this.#owners.get(one);
      if (owner !== undefined) this.wrong.push(`${id} gets ${one}, which ${owner} has`);
      const restedMs = this.#clock.now() - (this.#freedAt.get(one) ?? Number.NEGATIVE_INFINITY);
      if (restedMs < ADDRESS_REST_MS && !one.startsWith("port")) {
        this.wrong.push(`${id} gets ${one}, which came back ${restedMs} ms ago`);
      }
      this.#owners.set(one, id);
    }
    if (new Set(held).size < held.length) this.wrong.push(`${id} has something twice: ${held}`);
    this.#held.set(id, held);
  }
}

function attachmentsOf(object: Node | Task): readonly string[] {
  const attachments = "attachments" in object ? object.attachments : object.networks;
  return attachments.flatMap(({ network, addresses }) => addresses.map((one) => `${network?.id} ${one}`));
}

function virtualIpsOf({ endpoint }: Service): readonly string[] {
  return (endpoint?.virtualIps ?? []).map(({ networkId, addr }) => `${networkId} ${addr}`);
}

function portsOf({ endpoint }: Service): readonly string[] {
  return (endpoint?.ports ?? []).map(({ protocol, publishedPort }) => `port ${publishedPort}/${protocol}`);
}
