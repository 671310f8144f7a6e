/** Whom limits are counted for. */

const IPV4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i;
const BRACKETED = /^\[([^\]]+)\](?::\d+)?$/;
/** Of IPv6, a network of this many groups of 16 bits belongs to one subscriber, who has as many addresses in it as he likes. */
const IPV6_GROUPS = 4;

/**
 * @param peer "10.0.0.1", "10.0.0.1:53210", "[2001:db8::1]:53210", "2001:db8::1", "2001:db8::1:53210" as grpc-js writes it, or a socket's path
 * @returns the IPv4 address; the first 64 bits of an IPv6 address; anything else as it is
 */
export function addressOf(peer: string): string {
  const bare = BRACKETED.exec(peer)?.[1] ?? peer;
  const v4 = IPV4.exec(bare)?.[1];
  if (v4 !== undefined) return v4;
  if (!/^[0-9a-f:]+(%.+)?$/i.test(bare) || !bare.includes(":")) return peer;
  const [address = ""] = bare.split("%");
  return firstGroups(address);
}

function firstGroups(address: string): string {
  const [before = "", after] = address.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return `${groups
    .slice(0, IPV6_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
