/** The addresses of one subnet, as text. What numbers are given out, and when, is the {@link OffsetPool}'s part. */
import { AllocationError } from "./allocation-error.js";
import { contains, formatIp, formatRange, type IpAddress, type IpRange } from "./ip-range.js";
import { ADDRESS_REST_MS, OffsetPool, RESTING } from "./offset-pool.js";

/** Of a larger range so many addresses are given out. */
const MAX_SIZE = 2n ** 32n;

export class AddressPool {
  readonly subnet: IpRange;
  /** "10.0.1.0/24" */
  readonly text: string;
  readonly #range: IpRange;
  readonly #suffix: string;
  readonly #offsets: OffsetPool;
  /** Taken ones that lie in the subnet, but not in the part that is given out: until when they rest, Infinity while they are held. */
  readonly #elsewhere = new Map<bigint, number>();
  /** An earlier leader may have taken back any of them; see {@link OffsetPool}. */
  #elsewhereRestsUntilMs = Number.NEGATIVE_INFINITY;

  /**
   * @param range the part of the subnet that is given out
   * @param excluded addresses that are never given out: the gateway, reserved ones
   */
  constructor(subnet: IpRange, range: IpRange, excluded: readonly IpAddress[]) {
    this.subnet = subnet;
    this.text = formatRange(subnet);
    this.#range = range;
    this.#suffix = `/${subnet.length}`;
    const all = range.last - range.first + 1n;
    const size = Number(all < MAX_SIZE ? all : MAX_SIZE);
    const never = [...edgesOf(subnet), ...excluded].filter((address) => contains(subnet, address));
    const inside = never.map(({ value }) => value - range.first).filter((offset) => offset >= 0n && offset < size);
    for (const { value } of never) this.#elsewhere.set(value, Number.POSITIVE_INFINITY);
    this.#offsets = new OffsetPool(size, inside.map(Number));
  }

  /** See {@link OffsetPool.spare}. */
  get spare(): string {
    return this.#offsets.spare;
  }

  available(nowMs: number): number {
    return this.#offsets.available(nowMs);
  }

  begin(): void {
    this.#offsets.begin();
  }

  /** See {@link OffsetPool.restore}. */
  restore(spare: string, nowMs: number): void {
    this.#offsets.restore(spare, nowMs);
    this.#elsewhereRestsUntilMs = nowMs + ADDRESS_REST_MS;
  }

  /** @returns the next free address, "10.0.1.4/24"; undefined when there is none now */
  take(nowMs: number): string | undefined {
    const offset = this.#offsets.take(nowMs);
    if (offset === undefined) return undefined;
    const { family, first } = this.#range;
    return formatIp(family, first + BigInt(offset)) + this.#suffix;
  }

  /** Takes note of an address that is in use. @throws AllocationError when it is in use already */
  claim(address: IpAddress): void {
    const offset = this.#offsetOf(address);
    if (offset !== undefined) this.#offsets.claim(offset);
    else this.#claimElsewhere(address);
  }

  /** Takes an address that was asked for. @throws AllocationError when it is in use, or rests */
  takeChosen(address: IpAddress, nowMs: number): string {
    const offset = this.#offsetOf(address);
    if (offset !== undefined) this.#offsets.takeChosen(offset, nowMs);
    else this.#takeElsewhere(address, nowMs);
    return formatIp(address.family, address.value) + this.#suffix;
  }

  /** Gives back an address that nobody has used: it need not rest. */
  giveBack(address: IpAddress, nowMs: number): void {
    const offset = this.#offsetOf(address);
    if (offset !== undefined) this.#offsets.giveBack(offset, nowMs);
    else this.#elsewhere.delete(address.value);
  }

  release(address: IpAddress, nowMs: number): void {
    const offset = this.#offsetOf(address);
    if (offset !== undefined) this.#offsets.release(offset, nowMs);
    else if (this.#elsewhere.has(address.value)) this.#elsewhere.set(address.value, nowMs + ADDRESS_REST_MS);
  }

  /** When more addresses can be given out; undefined when none rests. */
  nextWakeMs(nowMs: number): number | undefined {
    return this.#offsets.nextWakeMs(nowMs);
  }

  #offsetOf({ value }: IpAddress): number | undefined {
    const offset = value - this.#range.first;
    return offset >= 0n && offset < BigInt(this.#offsets.size) ? Number(offset) : undefined;
  }

  #takeElsewhere(address: IpAddress, nowMs: number): void {
    const until = Math.max(this.#elsewhere.get(address.value) ?? 0, this.#elsewhereRestsUntilMs);
    if (until !== Number.POSITIVE_INFINITY && until > nowMs) throw new AllocationError(RESTING);
    if (until <= nowMs) this.#elsewhere.delete(address.value);
    this.#claimElsewhere(address);
  }

  #claimElsewhere(address: IpAddress): void {
    if (!contains(this.subnet, address)) throw new AllocationError("the address lies outside of the subnet");
    if (this.#elsewhere.has(address.value)) throw new AllocationError("the address is in use");
    this.#elsewhere.set(address.value, Number.POSITIVE_INFINITY);
  }
}

/** The network's own address and the broadcast address; /31 and /32 have none. IPv6: the routers' anycast address (RFC 4291, 2.6.1). */
function edgesOf({ family, first, last, length }: IpRange): readonly IpAddress[] {
  if (family === 6) return length < 127 ? [{ family, value: first }] : [];
  return length < 31 ? [first, last].map((value) => ({ family, value })) : [];
}
