/**
 * Addresses of sandboxes on this node's gateway bridge. They mean something on this node alone, so the node hands them out;
 * which sandbox has which is kept in a file, because a sandbox outlives the agent.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { addressNumber } from "./mesh-return.js";

interface Stored {
  readonly subnet: string;
  readonly addresses: Readonly<Record<string, string>>;
}

export class GatewayAddressesExhausted extends Error {
  override readonly name = "GatewayAddressesExhausted";
}

export class GatewayAddresses {
  readonly #file: string;
  readonly #subnet: string;
  readonly #bySandbox: Map<string, string>;
  /** The file says something else. */
  #isChanged = false;

  /**
   * @param file where the addresses are kept
   * @param chooseSubnet gives the bridge's subnet ("172.18.0.0/16") the first time
   */
  constructor(file: string, chooseSubnet: () => string) {
    this.#file = file;
    const stored = readStored(file);
    this.#subnet = stored?.subnet ?? chooseSubnet();
    this.#bySandbox = new Map(Object.entries(stored?.addresses ?? {}));
    if (!stored) this.#store();
  }

  get subnet(): string {
    return this.#subnet;
  }

  /** The bridge's own address: the first of the subnet, with prefix length. */
  get bridgePrefix(): string {
    return this.#format(1);
  }

  /** By sandbox id, with prefix length. */
  get bySandbox(): ReadonlyMap<string, string> {
    return this.#bySandbox;
  }

  /** To be saved before anything has it. @throws GatewayAddressesExhausted */
  take(sandboxId: string): string {
    const known = this.#bySandbox.get(sandboxId);
    if (known) return known;
    const taken = new Set(this.#bySandbox.values());
    const size = 2 ** (32 - this.#prefixLength);
    for (let host = 2; host < size - 1; host++) {
      const address = this.#format(host);
      if (taken.has(address)) continue;
      this.#bySandbox.set(sandboxId, address);
      this.#isChanged = true;
      return address;
    }
    throw new GatewayAddressesExhausted(
      `no address left on the gateway bridge (${this.#subnet}) for sandbox ${sandboxId}`,
    );
  }

  /** Lets go of the addresses of all other sandboxes. */
  keepOnly(sandboxIds: ReadonlySet<string>): void {
    for (const id of [...this.#bySandbox.keys()]) {
      if (!sandboxIds.has(id)) this.#isChanged = this.#bySandbox.delete(id);
    }
  }

  /** Writes down what has changed since the last time, if anything has. @throws Error of the file system; it is tried again the next time */
  save(): void {
    if (this.#isChanged) this.#store();
  }

  get #prefixLength(): number {
    return Number(this.#subnet.slice(this.#subnet.indexOf("/") + 1));
  }

  #format(host: number): string {
    const base = addressNumber(this.#subnet.slice(0, this.#subnet.indexOf("/"))) + host;
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256);
    return `${bytes.join(".")}/${this.#prefixLength}`;
  }

  #store(): void {
    const stored: Stored = { subnet: this.#subnet, addresses: Object.fromEntries(this.#bySandbox) };
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    const fresh = `${this.#file}.new`;
    writeFileSync(fresh, `${JSON.stringify(stored)}\n`, { mode: 0o600 });
    renameSync(fresh, this.#file);
    this.#isChanged = false;
  }
}

function readStored(file: string): Stored | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as Stored;
  } catch (error) {
    throw new Error(`${file} is damaged (${(error as Error).message}): remove it when no task runs on this node`);
  }
}

/** Candidates for the bridge's subnet, as Docker's local pools: 172.18.0.0/16 … 172.31.0.0/16. */
export const BRIDGE_SUBNETS: readonly string[] = Array.from({ length: 14 }, (_, index) => `172.${18 + index}.0.0/16`);

/** @returns the first candidate that overlaps none of `taken` (CIDR). @throws Error when all do */
export function freeSubnet(candidates: readonly string[], taken: readonly string[]): string {
  const free = candidates.find((candidate) => !taken.some((other) => overlaps(candidate, other)));
  if (!free) throw new Error(`every subnet of ${candidates[0]} … ${candidates.at(-1)} overlaps a route of this host`);
  return free;
}

export function overlaps(a: string, b: string): boolean {
  const [first, firstLast] = range(a);
  const [second, secondLast] = range(b);
  return first <= secondLast && second <= firstLast;
}

function range(cidr: string): readonly [number, number] {
  const slash = cidr.indexOf("/");
  const size = 2 ** (32 - (slash < 0 ? 32 : Number(cidr.slice(slash + 1))));
  const address = addressNumber(slash < 0 ? cidr : cidr.slice(0, slash));
  const first = Math.floor(address / size) * size;
  return [first, first + size - 1];
}
