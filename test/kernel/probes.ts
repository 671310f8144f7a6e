/**
 * What a kernel can do, found by doing it with the system's own tools in a namespace that goes with the command: so these probes know
 * nothing of the code under test.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const NAT_RULESET = `table ip probe {
  chain out { type nat hook output priority -100; ip daddr 192.0.2.1 dnat to numgen random mod 2 map { 0 : 192.0.2.2, 1 : 192.0.2.3 }; }
}`;

const NAT_RULESET_IPV6 = `table ip6 probe {
  chain out { type nat hook output priority -100; ip6 daddr fd00::1 dnat to numgen random mod 2 map { 0 : fd00::2, 1 : fd00::3 }; }
}`;

const PROBES = {
  "network-namespaces": () => inNamespace("true"),
  bridge: () =>
    inNamespace(
      "ip link add br0 type bridge && ip link add port0 type veth peer name port1 && ip link set port0 master br0",
    ),
  vxlan: () => inNamespace("ip link add v0 type vxlan id 4096 dstport 4789 nolearning"),
  nftables: () => inNamespace("nft -f -", NAT_RULESET),
  "nftables-ipv6": () => inNamespace("nft -f -", NAT_RULESET_IPV6),
  "iptables-nft": () => iptables("iptables-nft"),
  "iptables-legacy": () => iptables("iptables-legacy"),
  "ip6tables-legacy": () =>
    inNamespace(
      "ip6tables-legacy -t mangle -A OUTPUT -j MARK --set-mark 1 && ip6tables-legacy -A INPUT -p tcp -j REJECT --reject-with tcp-reset",
    ),
  "packet-filter": () => oneOf("nftables", "iptables-nft", "iptables-legacy"),
  ipvs: () => inNamespace("ipvsadm -A -f 1 -s rr"),
  "ipvs-ipv6": () => inNamespace("ipvsadm -A -f 1 -6 -s rr"),
  "load-balancer": () => oneOf("nftables", "ipvs"),
  conntrack: () => inNamespace("conntrack -L"),
  dummy: () => inNamespace("ip link add d0 type dummy"),
  ipv6: () => inNamespace("ip link set lo up && ip -6 address add fd00::1/64 dev lo"),
  esp: () =>
    inNamespace(
      "ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode transport aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128",
    ),
  "native-speed": () =>
    readFileSync("/proc/cpuinfo", "utf8").includes("User Mode Linux")
      ? "User-Mode Linux is slow at system calls"
      : undefined,
} as const;

export type ProbeName = keyof typeof PROBES;

export const PROBE_NAMES = Object.keys(PROBES) as readonly ProbeName[];

const known = new Map<ProbeName, string | undefined>();

/** @returns why this kernel cannot, or undefined when it can; found once per process */
export function probe(name: ProbeName): string | undefined {
  if (!known.has(name)) known.set(name, PROBES[name]());
  return known.get(name);
}

/** The first of the needs that this kernel does not meet. */
export function missingProbe(
  needs: readonly ProbeName[],
): { readonly probe: ProbeName; readonly reason: string } | undefined {
  for (const name of needs) {
    const reason = probe(name);
    if (reason !== undefined) return { probe: name, reason };
  }
  return undefined;
}

function iptables(command: string): string | undefined {
  return inNamespace(
    `${command} -t mangle -A OUTPUT -j MARK --set-mark 1 && ${command} -t nat -A OUTPUT -p tcp -j DNAT --to 192.0.2.1:80`,
  );
}

function oneOf(...names: ProbeName[]): string | undefined {
  const reasons: string[] = [];
  for (const name of names) {
    const reason = probe(name);
    if (reason === undefined) return undefined;
    reasons.push(`${name}: ${reason}`);
  }
  return reasons.join("; ");
}

/** Only the system's: a package of npm puts a program named `nft` in front when tests run by npx. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function inNamespace(command: string, input = ""): string | undefined {
  const run = spawnSync("unshare", ["--net", "--mount", "sh", "-c", command], {
    input,
    encoding: "utf8",
    env: { ...process.env, PATH: SYSTEM_PATH },
  });
  if (run.error) return run.error.message;
  if (run.status === 0) return undefined;
  return run.stderr.trim().replaceAll(/\s+/g, " ").slice(0, 200) || `"${command}" ended with status ${run.status}`;
}
