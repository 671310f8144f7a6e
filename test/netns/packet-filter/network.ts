/**
 * Namespaces in a row, for traffic through every hook, and one aside:
 *
 * ```
 * client eth0 10.77.1.2, .3 ── c0 10.77.1.1 router s0 10.77.2.1, .9 ── eth0 10.77.2.2 server
 *        │    fd77:1::2           fd77:1::1        fd77:2::1                fd77:2::2 · 10.99.0.1
 *        └ eth1 10.77.3.2 ── eth0 10.77.3.3 aside · 10.99.0.1
 * ```
 * A packet marked 0x100 or 0x103 finds no way in the router. From the client a packet for 10.99.0.1 goes to the server, but to
 * `aside` when it is marked 0x100.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createNamespace, inNamespace, type Namespace, removeNamespace } from "../../../netns/namespace.js";

export interface Network extends Disposable {
  readonly client: Namespace;
  readonly router: Namespace;
  readonly server: Namespace;
  readonly aside: Namespace;
  readonly all: readonly Namespace[];
}

export const ADDRESS = {
  client: "10.77.1.2",
  clientSecond: "10.77.1.3",
  clientMac: "02:42:0a:4d:01:02",
  router: "10.77.1.1",
  routerServerSide: "10.77.2.1",
  routerSecond: "10.77.2.9",
  server: "10.77.2.2",
  serverFar: "10.99.0.1",
  router6: "fd77:1::1",
  server6: "fd77:2::2",
} as const;

export const SERVER = { address: ADDRESS.server, port: 80 } as const;
export const ROUTER = { address: ADDRESS.router, port: 80 } as const;

/** Not the caller's: npm puts folders in front that hold another program named nft. */
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

export const HAS_IPV6 = existsSync("/proc/sys/net/ipv6");

let count = 0;

export function makeNetwork(): Network {
  const names = ["c", "r", "s", "a"].map((part) => `tsw-pf${process.pid}-${count}${part}`);
  count++;
  const made: Namespace[] = [];
  const remove = () => {
    for (const namespace of made) {
      namespace.close();
      removeNamespace(namespace.name);
    }
  };
  try {
    for (const name of names) made.push(createNamespace(name));
    const [client, router, server, aside] = made as [Namespace, Namespace, Namespace, Namespace];
    connect(client, router, server, aside);
    return { client, router, server, aside, all: made, [Symbol.dispose]: remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Runs shell commands in a namespace. @returns what they print */
export function shell(namespace: Namespace, script: string): string {
  return inNamespace(namespace, () =>
    execFileSync("sh", ["-euc", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: SYSTEM_PATH },
    }),
  );
}

/** Otherwise the kernel sends few ICMP errors a second, and a test waits for one in vain. */
const ALL_ICMP_ERRORS = "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit";

function connect(client: Namespace, router: Namespace, server: Namespace, aside: Namespace): void {
  for (const namespace of [client, router, server]) shell(namespace, ALL_ICMP_ERRORS);
  shell(
    router,
    `ip link add c0 type veth peer name eth0 address ${ADDRESS.clientMac} netns ${client.name}
     ip link add s0 type veth peer name eth0 netns ${server.name}
     ip addr add ${ADDRESS.router}/24 dev c0
     ip addr add ${ADDRESS.routerServerSide}/24 dev s0
     ip addr add ${ADDRESS.routerSecond}/24 dev s0
     ip link set c0 up
     ip link set s0 up
     ip route add ${ADDRESS.serverFar} via ${ADDRESS.server}
     ip rule add fwmark 0x100 lookup 100
     ip rule add fwmark 0x103 lookup 100
     ip route add unreachable default table 100
     echo 1 > /proc/sys/net/ipv4/ip_forward`,
  );
  shell(
    client,
    `ip addr add ${ADDRESS.client}/24 dev eth0
     ip addr add ${ADDRESS.clientSecond}/24 dev eth0
     ip link add eth1 type veth peer name eth0 netns ${aside.name}
     ip addr add 10.77.3.2/24 dev eth1
     ip link set eth0 up
     ip link set eth1 up
     for scope in all eth1; do echo 0 > /proc/sys/net/ipv4/conf/$scope/rp_filter; done
     ip route add default via ${ADDRESS.router}
     ip rule add fwmark 0x100 lookup 100
     ip route add ${ADDRESS.serverFar} via 10.77.3.3 table 100`,
  );
  shell(
    aside,
    `ip addr add 10.77.3.3/24 dev eth0
     ip addr add ${ADDRESS.serverFar}/32 dev eth0
     ip link set eth0 up
     ip route add default via 10.77.3.2`,
  );
  shell(
    server,
    `ip addr add ${ADDRESS.server}/24 dev eth0
     ip addr add ${ADDRESS.serverFar}/32 dev eth0
     ip link set eth0 up
     ip route add default via ${ADDRESS.routerServerSide}`,
  );
  if (HAS_IPV6) connectIpv6(client, router, server);
}

function connectIpv6(client: Namespace, router: Namespace, server: Namespace): void {
  for (const namespace of [client, router, server]) shell(namespace, "echo 0 > /proc/sys/net/ipv6/icmp/ratelimit");
  shell(
    router,
    `ip addr add ${ADDRESS.router6}/64 dev c0 nodad
     ip addr add fd77:2::1/64 dev s0 nodad
     echo 1 > /proc/sys/net/ipv6/conf/all/forwarding`,
  );
  shell(
    client,
    `ip addr add fd77:1::2/64 dev eth0 nodad
     ip -6 route add default via ${ADDRESS.router6}`,
  );
  shell(
    server,
    `ip addr add ${ADDRESS.server6}/64 dev eth0 nodad
     ip -6 route add default via fd77:2::1`,
  );
}
