/** What `--default-addr-pool` and `--data-path-port` may be. Pure. */
import { parsePrefix } from "../../../overlay/ipv4.js";
import { AddressError } from "./choose.js";

const DEFAULT_MASK_LENGTH = 24;
/** Longer masks leave no room for what every network needs for itself. */
const LONGEST_MASK = 29;
const LEAST_PORT = 1024;
const LAST_PORT = 49_151;

/** @param maskLength of the subnets that networks get; 0: the default @throws AddressError */
export function checkAddressPools(pools: readonly string[], maskLength: number): void {
  const length = maskLength || DEFAULT_MASK_LENGTH;
  if (maskLength !== 0 && pools.length === 0) {
    throw new AddressError("--default-addr-pool-mask-length needs --default-addr-pool");
  }
  if (length > LONGEST_MASK) throw new AddressError(`subnet size is out of range: ${length}, at most ${LONGEST_MASK}`);
  const ranges = pools.map((text) => {
    const prefix = parsePrefix(text);
    if (!prefix || `${prefix.address}/${prefix.length}` !== prefix.subnet) {
      throw new AddressError(`invalid default address pool "${text}": an IPv4 subnet is due, 10.20.0.0/16 for example`);
    }
    if (prefix.length > length) {
      throw new AddressError(`the default address pool ${text} is smaller than one subnet of /${length}`);
    }
    const first = prefix.address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    return { text, first, last: first + 2 ** (32 - prefix.length) - 1 };
  });
  for (const [index, one] of ranges.entries()) {
    const other = ranges.slice(index + 1).find(({ first, last }) => first <= one.last && one.first <= last);
    if (other) throw new AddressError(`the default address pools ${one.text} and ${other.text} overlap`);
  }
}

/** @param port 0: the default @throws AddressError */
export function checkDataPathPort(port: number): void {
  if (port !== 0 && (port < LEAST_PORT || port > LAST_PORT)) {
    throw new AddressError(`the data path port ${port} is out of range: ${LEAST_PORT} to ${LAST_PORT} are valid`);
  }
}
