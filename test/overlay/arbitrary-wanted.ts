/** Random valid wanted states, small enough that two of them often share networks, sandboxes and addresses. */
import fc from "fast-check";
import { macFromAddress } from "../../overlay/mac-address.js";
import type { NodeWanted, OverlayNetwork, Sandbox } from "../../overlay/wanted.js";

const TUNNELS = ["192.168.1.2", "192.168.1.3", "192.168.1.4"];

interface NetworkShape {
  readonly vniOffset: number;
  readonly mtu: number;
  readonly ipv6: boolean;
  readonly remotes: readonly { readonly host: number; readonly tunnel: number }[];
}

interface SandboxShape {
  readonly networks: readonly number[];
  readonly gateway: boolean;
  readonly preferOverlaySource: boolean;
  readonly returns: readonly number[];
  readonly ownSetting: boolean;
}

const networkShape: fc.Arbitrary<NetworkShape> = fc.record({
  vniOffset: fc.constantFrom(0, 0, 0, 10),
  mtu: fc.constantFrom(1450, 1450, 8950),
  ipv6: fc.boolean(),
  remotes: fc.uniqueArray(fc.record({ host: fc.integer({ min: 10, max: 20 }), tunnel: fc.nat(TUNNELS.length - 1) }), {
    selector: ({ host }) => host,
    maxLength: 5,
  }),
});

const sandboxShape: fc.Arbitrary<SandboxShape> = fc.record({
  networks: fc.uniqueArray(fc.nat(2), { maxLength: 3 }),
  gateway: fc.boolean(),
  preferOverlaySource: fc.boolean(),
  returns: fc.uniqueArray(fc.integer({ min: 100, max: 103 }), { maxLength: 3 }),
  ownSetting: fc.boolean(),
});

export const arbitraryWanted: fc.Arbitrary<NodeWanted> = fc
  .record({
    gatewayMtu: fc.constantFrom(1500, 1500, 9000),
    networks: fc.array(fc.option(networkShape), { maxLength: 3 }),
    sandboxes: fc.array(fc.option(sandboxShape), { maxLength: 4 }),
  })
  .map(({ gatewayMtu, networks, sandboxes }) => ({
    gatewayBridge: { name: "gw0", addressPrefix: "172.18.0.1/16", mtu: gatewayMtu },
    networks: networks.flatMap((shape, index) => (shape ? [network(shape, index)] : [])),
    sandboxes: sandboxes.flatMap((shape, index) => (shape ? [sandbox(shape, index, networks)] : [])),
  }));

function network(shape: NetworkShape, index: number): OverlayNetwork {
  return {
    id: `network${index}`,
    vni: 4096 + index + shape.vniOffset,
    gatewayPrefix: `10.0.${index}.1/24`,
    ...(shape.ipv6 ? { gatewayPrefix6: `fd00:1:${index + 1}::1/64` } : {}),
    mtu: shape.mtu,
    vxlanPort: 4789,
    remotes: shape.remotes.map(({ host, tunnel }) => {
      const address = `10.0.${index}.${host}`;
      return {
        address,
        // Some nodes' kernels have no IPv6.
        ...(shape.ipv6 && host % 4 !== 0 ? { address6: `fd00:1:${index + 1}::${host}` } : {}),
        mac: macFromAddress(address),
        tunnelAddress: TUNNELS[tunnel]!,
      };
    }),
  };
}

function sandbox(shape: SandboxShape, index: number, networks: readonly (NetworkShape | null)[]): Sandbox {
  const interfaces = shape.networks
    .filter((number) => networks[number])
    .map((number, position) => {
      const address = `10.0.${number}.${10 + index}`;
      return {
        networkId: `network${number}`,
        name: `eth${position === 0 ? 0 : position + 1}`,
        addressPrefix: `${address}/24`,
        ...(networks[number]?.ipv6 ? { addressPrefix6: `fd00:1:${number + 1}::${10 + index}/64` } : {}),
        mac: macFromAddress(address),
      };
    });
  const first = interfaces[0];
  const firstAddress = first?.addressPrefix.split("/")[0];
  return {
    id: `sandbox${index}`,
    interfaces,
    ...(shape.gateway
      ? {
          gateway: {
            name: "eth1",
            addressPrefix: `172.18.0.${10 + index}/16`,
            ...(shape.preferOverlaySource && firstAddress ? { sourceAddress: firstAddress } : {}),
          },
        }
      : {}),
    returnRoutes: first
      ? shape.returns.map((mark) => ({
          mark,
          mask: 0xffffffff,
          table: mark,
          via: first.addressPrefix.replace(/\.\d+\/24$/, `.${mark}`),
          interfaceName: first.name,
        }))
      : [],
    sysctls: {
      "net/ipv4/conf/all/arp_ignore": "1",
      ...(shape.ownSetting && first ? { [`net/ipv4/conf/${first.name}/rp_filter`]: "2" } : {}),
    },
  };
}
