/** Who plays in the compliance suite: the addresses of one family, and services among them. */
import type { Family } from "../../../ipvs/family.js";
import type { VirtualService } from "../../../ipvs/load-balancer.js";

export interface Cast {
  readonly family: Family;
  /** Begins the titles of tests. */
  readonly title: string;
  /** Of the wire that all are on. */
  readonly prefixLength: number;
  readonly CLIENT: string;
  readonly WEB: readonly [string, string, string];
  /** On the wire, but no host has it. */
  readonly NOBODY: string;
  readonly STRANGER: string;
  /** Outside of the wire's subnet. */
  readonly VIP: string;
  readonly OTHER_VIP: string;
  /** Virtual addresses within the wire's subnet. */
  readonly NEAR_VIPS: readonly [string, string];
  /** A destination, 11…99. */
  web(last: number): string;
  /** Many virtual addresses. */
  virtual(index: number): { readonly address: string; readonly sourceAddress: string };
  /** A service that the client calls by {@link VIP}. */
  service(
    destinations: readonly string[] | Readonly<Record<string, number>>,
    over?: Partial<VirtualService>,
  ): VirtualService;
  /** For ports that are published beside a virtual address; IPv6 has none. */
  readonly PUBLISHED: VirtualService["published"];
}

type Addresses = Omit<Cast, "service" | "WEB">;

const IP: Addresses = {
  family: "ip",
  title: "",
  prefixLength: 24,
  CLIENT: "10.77.0.10",
  NOBODY: "10.77.0.99",
  STRANGER: "10.77.0.66",
  VIP: "10.99.0.1",
  OTHER_VIP: "10.99.0.2",
  NEAR_VIPS: ["10.77.0.200", "10.77.0.201"],
  PUBLISHED: [{ protocol: "tcp", port: 8080 }],
  web: (last) => `10.77.0.${last}`,
  virtual: (index) => ({
    address: `10.${100 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
    sourceAddress: "10.77.0.10",
  }),
};

const IP6: Addresses = {
  family: "ip6",
  title: "IPv6: ",
  prefixLength: 64,
  CLIENT: "fd00:77::10",
  NOBODY: "fd00:77::99",
  STRANGER: "fd00:77::66",
  VIP: "fd00:99::1",
  OTHER_VIP: "fd00:99::2",
  NEAR_VIPS: ["fd00:77::200", "fd00:77::201"],
  PUBLISHED: [],
  web: (last) => `fd00:77::${last}`,
  virtual: (index) => ({ address: `fd00:100::${(index + 1).toString(16)}`, sourceAddress: "fd00:77::10" }),
};

export const CASTS: Readonly<Record<Family, Cast>> = { ip: complete(IP), ip6: complete(IP6) };

function complete(addresses: Addresses): Cast {
  const { VIP, CLIENT, web } = addresses;
  return {
    ...addresses,
    WEB: [web(11), web(12), web(13)],
    service: (destinations, over = {}) => ({
      id: "web/shop",
      mark: 300,
      virtual: { address: VIP, sourceAddress: CLIENT },
      published: [],
      destinations: Array.isArray(destinations)
        ? destinations.map((address: string) => ({ address, weight: 1 }))
        : Object.entries(destinations).map(([address, weight]) => ({ address, weight: weight as number })),
      ...over,
    }),
  };
}
