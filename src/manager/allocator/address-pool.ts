/** The addresses of one subnet, as text. What numbers are given out, and when, is the {@link OffsetPool}'s part. */
import { bytesToIp, formatIpv4, ipToBytes, parseIpv4 } from "../../../native-bindings/address-text.js";
import { AllocationError } from "./allocation-error.js";
import { contains, formatIp, formatRange, type IpAddress, type IpRange, parseAddress } from "./ip-range.js";
import { ADDRESS_REST_MS, OffsetPool, RESTING } from "./offset-pool.js";

/** Of a larger range so many addresses are given out. */
const MAX_SIZE = 2n ** 32n;
/** Addresses outside of the given part that have rested are forgotten when there are so many, and twice as many as before. */
const MIN_PURGE = 1024;
/** An IPv6 address without the 32 bits that count. */
const HIGH_BYTES = 12;

export class AddressPool {
  readonly subnet: IpRange;
  /** "10.0.1.0/24" */
  readonly text: string;
  readonly #suffix: string;
  readonly #offsets: OffsetPool;
  /** The lowest 32 bits of the first address that is given out: a range is aligned to its size, so no sum carries over. */
  readonly #low: number;
  /** Of IPv6: the first address. */
  readonly #bytes: Buffer;
  /** Taken ones that lie in the subnet, but not in the part that is given out: until when they rest, Infinity while they are held. */
  readonly #elsewhere = new Map<bigint, number>();
  /** An earlier leader may have taken back any of them; see {@link OffsetPool}. */
  #elsewhereRestsUntilMs = Number.NEGATIVE_INFINITY;
  #purgeAt = MIN_PURGE;

  /**
   * @param range the part of the subnet that is given out
   * @param excluded addresses that are never given out: the gateway, reserved ones
   */
  constructor(subnet: IpRange, range: IpRange, excluded: readonly IpAddress[]) {
    this.subnet = subnet;
    this.text = formatRange(subnet);
    this.#suffix = `/${subnet.length}`;
    this.#low = Number(range.first & 0xffffffffn);
    this.#bytes = ipToBytes(formatIp(range.family, range.first));
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
    if (this.subnet.family === 4) return formatIpv4(this.#low + offset) + this.#suffix;
    const bytes = Buffer.from(this.#bytes);
    bytes.writeUInt32BE(this.#low + offset, HIGH_BYTES);
    return bytesToIp(bytes) + this.#suffix;
  }

  /** Takes note of an address that is in use, "10.0.1.4" or "10.0.1.4/24". @throws AllocationError when it is in use already */
  claim(text: string): void {
    const offset = this.#offsetOf(text);
    if (offset !== undefined) this.#offsets.claim(offset);
    else this.#claimElsewhere(this.#valueOf(text));
  }

  /** Takes an address that was asked for. @throws AllocationError when it is in use, or rests */
  takeChosen(text: string, nowMs: number): string {
    const offset = this.#offsetOf(text);
    const value = this.#valueOf(text);
    if (offset !== undefined) this.#offsets.takeChosen(offset, nowMs);
    else this.#takeElsewhere(value, nowMs);
    return formatIp(this.subnet.family, value) + this.#suffix;
  }

  /** Gives back an address that nobody has used: it need not rest. */
  giveBack(text: string, nowMs: number): void {
    const offset = this.#offsetOf(text);
    if (offset !== undefined) this.#offsets.giveBack(offset, nowMs);
    else this.#elsewhere.delete(this.#valueOf(text));
  }

  release(text: string, nowMs: number): void {
    const offset = this.#offsetOf(text);
    if (offset !== undefined) this.#offsets.release(offset, nowMs);
    else this.#releaseElsewhere(this.#valueOf(text), nowMs);
  }

  /** When more addresses can be given out; undefined when none rests. */
  nextWakeMs(nowMs: number): number | undefined {
    return this.#offsets.nextWakeMs(nowMs);
  }

  /** Undefined for an address that is not in the part that is given out. */
  #offsetOf(text: string): number | undefined {
    const slash = text.indexOf("/");
    const low = this.#lowOf(slash < 0 ? text : text.slice(0, slash));
    if (low === undefined) return undefined;
    const offset = low - this.#low;
    return offset >= 0 && offset < this.#offsets.size ? offset : undefined;
  }

  /** Undefined also for text that is no address of this family. */
  #lowOf(address: string): number | undefined {
    try {
      if (this.subnet.family === 4) return parseIpv4(address);
      const bytes = ipToBytes(address);
      const isNear = bytes.length === 16 && bytes.compare(this.#bytes, 0, HIGH_BYTES, 0, HIGH_BYTES) === 0;
      return isNear ? bytes.readUInt32BE(HIGH_BYTES) : undefined;
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** @throws AllocationError */
  #valueOf(text: string): bigint {
    const address = parseAddress(text);
    if (!address || !contains(this.subnet, address)) {
      throw new AllocationError("the address lies outside of the subnet");
    }
    return address.value;
  }

  #releaseElsewhere(value: bigint, nowMs: number): void {
    if (!this.#elsewhere.has(value)) return;
    this.#elsewhere.set(value, nowMs + ADDRESS_REST_MS);
    if (this.#elsewhere.size < this.#purgeAt) return;
    for (const [one, until] of this.#elsewhere) if (until <= nowMs) this.#elsewhere.delete(one);
    this.#purgeAt = Math.max(MIN_PURGE, this.#elsewhere.size * 2);
  }

  #takeElsewhere(value: bigint, nowMs: number): void {
    const until = Math.max(this.#elsewhere.get(value) ?? 0, this.#elsewhereRestsUntilMs);
    if (until !== Number.POSITIVE_INFINITY && until > nowMs) throw new AllocationError(RESTING);
    if (until <= nowMs) this.#elsewhere.delete(value);
    this.#claimElsewhere(value);
  }

  #claimElsewhere(value: bigint): void {
    if (this.#elsewhere.has(value)) throw new AllocationError("the address is in use");
    this.#elsewhere.set(value, Number.POSITIVE_INFINITY);
  }
}

/** The network's own address and the broadcast address; /31 and /32 have none. IPv6: the routers' anycast address (RFC 4291, 2.6.1). */
function edgesOf({ family, first, last, length }: IpRange): readonly IpAddress[] {
  if (family === 6) return length < 127 ? [{ family, value: first }] : [];
  return length < 31 ? [first, last].map((value) => ({ family, value })) : [];
}
