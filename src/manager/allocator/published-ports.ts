/**
 * Ports published on every node: one space per protocol, chosen ports as they are, others from 30000–32767 in order.
 * Ports published in host mode are the scheduler's business and pass through.
 */
import {
  type PortConfig,
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { AllocationError } from "./allocation-error.js";
import { SparseBitmap } from "./sparse-bitmap.js";

const FIRST_DYNAMIC = 30_000;
const LAST_DYNAMIC = 32_767;
const LAST_PORT = 65_535;
const PORT = { kind: "port", id: "" } as const;

interface ProtocolSpace {
  readonly taken: SparseBitmap;
  readonly owners: Map<number, string>;
  cursor: number;
}

export class PublishedPorts {
  readonly #spaces = new Map<Protocol, ProtocolSpace>();
  readonly #held = new Map<string, readonly PortConfig[]>();

  /**
   * Gives a service the ports of its specification. What it held and needs no more is given back.
   * @param wanted undefined keeps everything as it is
   * @param current ports that the service has so far; a port without a chosen number keeps its number
   * @returns the ports with their numbers
   * @throws AllocationError; nothing has changed then
   */
  allocate(
    serviceId: string,
    wanted: readonly PortConfig[] | undefined,
    current: readonly PortConfig[],
  ): readonly PortConfig[] {
    if (wanted === undefined) return current;
    const granted = new Map<PortConfig, PortConfig>();
    const claimed = new Set<string>();
    const claim = (port: PortConfig, number: number) => {
      this.#check(serviceId, port.protocol, number, claimed);
      claimed.add(portKey(port.protocol, number));
      granted.set(port, { ...port, publishedPort: number });
    };
    const allocated = wanted.filter(isAllocated);
    for (const port of allocated) if (port.publishedPort > 0) claim(port, port.publishedPort);
    const sticky = wanted.length === current.length;
    for (const port of allocated.filter(({ publishedPort }) => publishedPort === 0)) {
      const kept = sticky ? keptNumber(port, current, claimed) : undefined;
      claim(port, kept ?? this.#nextDynamic(port.protocol, claimed));
    }
    const result = wanted.map((port) => granted.get(port) ?? port);
    this.#hold(serviceId, result);
    if (!sticky || current.length === 0) return result;
    const isDynamic = (_port: PortConfig, index: number) =>
      isAllocated(wanted[index]!) && wanted[index]!.publishedPort === 0;
    return [...result.filter((port, index) => !isDynamic(port, index)), ...result.filter(isDynamic)];
  }

  /** Takes note of ports that a service has already. @throws AllocationError when another has them */
  restore(serviceId: string, ports: readonly PortConfig[]): void {
    for (const port of ports.filter(isAllocated)) this.#check(serviceId, port.protocol, port.publishedPort, new Set());
    this.#hold(serviceId, ports);
  }

  release(serviceId: string): void {
    this.#hold(serviceId, []);
  }

  #hold(serviceId: string, ports: readonly PortConfig[]): void {
    for (const port of this.#held.get(serviceId) ?? []) {
      const space = this.#space(port.protocol);
      space.taken.delete(port.publishedPort);
      space.owners.delete(port.publishedPort);
    }
    const held = ports.filter(isAllocated);
    for (const port of held) {
      const space = this.#space(port.protocol);
      space.taken.add(port.publishedPort);
      space.owners.set(port.publishedPort, serviceId);
    }
    if (held.length > 0) this.#held.set(serviceId, held);
    else this.#held.delete(serviceId);
  }

  #check(serviceId: string, protocol: Protocol, number: number, claimed: ReadonlySet<string>): void {
    const name = `port ${number}/${Protocol[protocol]?.toLowerCase()}`;
    if (number < 1 || number > LAST_PORT) throw new AllocationError(`${name} is not in 1…${LAST_PORT}`);
    if (claimed.has(portKey(protocol, number))) throw new AllocationError(`${name} is published twice`);
    const owner = this.#space(protocol).owners.get(number);
    if (owner !== undefined && owner !== serviceId) {
      throw new AllocationError(`${name} is already published by service ${owner}`, PORT);
    }
  }

  #nextDynamic(protocol: Protocol, claimed: ReadonlySet<string>): number {
    const space = this.#space(protocol);
    const free = (from: number, end: number) => {
      let candidate = space.taken.nextAbsent(from, end);
      while (candidate !== undefined && claimed.has(portKey(protocol, candidate))) {
        candidate = space.taken.nextAbsent(candidate + 1, end);
      }
      return candidate;
    };
    const number = free(space.cursor, LAST_DYNAMIC + 1) ?? free(FIRST_DYNAMIC, space.cursor);
    if (number === undefined) {
      throw new AllocationError(`no ${Protocol[protocol]} port is left in ${FIRST_DYNAMIC}–${LAST_DYNAMIC}`, PORT);
    }
    space.cursor = number + 1;
    return number;
  }

  #space(protocol: Protocol): ProtocolSpace {
    let space = this.#spaces.get(protocol);
    if (!space) {
      space = { taken: new SparseBitmap(LAST_PORT + 1), owners: new Map(), cursor: FIRST_DYNAMIC };
      this.#spaces.set(protocol, space);
    }
    return space;
  }
}

export function isAllocated(port: PortConfig): boolean {
  return port.publishMode === PublishMode.INGRESS;
}

/** The number that the same port (by name, protocol and target) has so far. */
function keptNumber(
  port: PortConfig,
  current: readonly PortConfig[],
  claimed: ReadonlySet<string>,
): number | undefined {
  return current.find(
    (other) =>
      isAllocated(other) &&
      other.name === port.name &&
      other.protocol === port.protocol &&
      other.targetPort === port.targetPort &&
      !claimed.has(portKey(other.protocol, other.publishedPort)),
  )?.publishedPort;
}

function portKey(protocol: Protocol, number: number): string {
  return `${number}/${protocol}`;
}
