/** Refuses a wanted state that contradicts itself, before anything is written. */
import { InvalidWantedError, type WantedProblem } from "./errors.js";
import { type Ipv4Prefix, inSubnet, parsePrefix, readIpv4 } from "./ipv4.js";
import { IPV6_MTU_MIN, type Ipv6Prefix, isSubnetAddress6, parsePrefix6 } from "./ipv6.js";
import { isUnicastMac } from "./mac-address.js";
import { gatewayPortName, isLinkName, LOOPBACK, networkNamespace, portName, sandboxNamespace } from "./names.js";
import type { NodeWanted, OverlayNetwork, Sandbox } from "./wanted.js";

export const VNI_LOWEST = 1;
export const VNI_HIGHEST = 0xffffff;

/** @throws InvalidWantedError with every problem found */
export function checkWanted(wanted: NodeWanted, nodeId: string): void {
  const problems = wantedProblems(wanted, nodeId);
  if (problems.length > 0) throw new InvalidWantedError(problems);
}

export function wantedProblems(wanted: NodeWanted, nodeId: string): readonly WantedProblem[] {
  const check = new Checker();
  const { gatewayBridge } = wanted;
  check.linkName("gateway bridge: name", gatewayBridge.name);
  const gatewayPrefix = check.prefix("gateway bridge: address", gatewayBridge.addressPrefix);
  if (gatewayPrefix) check.unique("gateway", "the gateway bridge", "address", gatewayPrefix.address);
  check.number("gateway bridge: MTU", gatewayBridge.mtu, 68, 65535);
  for (const network of wanted.networks) checkNetwork(check, network, nodeId);
  const networks = new Map(wanted.networks.map((network) => [network.id, network]));
  for (const sandbox of wanted.sandboxes) checkSandbox(check, sandbox, networks, gatewayPrefix, nodeId);
  return check.problems;
}

function checkNetwork(check: Checker, network: OverlayNetwork, nodeId: string): void {
  const what = `network ${network.id}`;
  check.unique("network", what, "id", network.id);
  check.number(`${what}: VNI`, network.vni, VNI_LOWEST, VNI_HIGHEST);
  check.unique("vni", what, "VNI", String(network.vni));
  check.number(`${what}: VXLAN port`, network.vxlanPort, 1, 65535);
  const { gatewayPrefix6 } = network;
  check.number(`${what}: MTU`, network.mtu, gatewayPrefix6 === undefined ? 68 : IPV6_MTU_MIN, 65535);
  const prefix = check.prefix(`${what}: gateway`, network.gatewayPrefix);
  const prefix6 = gatewayPrefix6 === undefined ? undefined : check.prefix6(`${what}: IPv6 gateway`, gatewayPrefix6);
  check.unique("namespace", what, "namespace", networkNamespace(nodeId, network.id));
  const taken = `remote/${network.id}`;
  if (prefix) check.unique(`local/${network.id}`, what, "address", prefix.address);
  if (prefix6) check.unique(`local/${network.id}`, what, "address", prefix6.address);
  for (const remote of network.remotes) {
    const endpoint = `${what}: remote endpoint ${remote.address}`;
    check.address(`${endpoint}: address`, remote.address);
    check.mac(`${endpoint}: MAC address`, remote.mac);
    check.address(`${endpoint}: tunnel address`, remote.tunnelAddress);
    check.unique(taken, endpoint, "address", remote.address);
    check.unique(taken, endpoint, "MAC address", remote.mac);
    if (remote.address6 === undefined) continue;
    check.hasIpv6(endpoint, remote.address6, network);
    check.address6(`${endpoint}: IPv6 address`, remote.address6);
    check.unique(taken, endpoint, "address", remote.address6);
  }
}

function checkSandbox(
  check: Checker,
  sandbox: Sandbox,
  networks: ReadonlyMap<string, OverlayNetwork>,
  gatewayPrefix: Ipv4Prefix | undefined,
  nodeId: string,
): void {
  const what = `sandbox ${sandbox.id}`;
  check.unique("sandbox", what, "id", sandbox.id);
  const place = sandboxNamespace(nodeId, sandbox.id);
  check.unique("namespace", what, "namespace", place);
  const interfaceNames = new Set<string>();
  for (const { networkId, name, addressPrefix, addressPrefix6, mac } of sandbox.interfaces) {
    const link = `${what}: ${name}`;
    check.interfaceName(link, name);
    check.unique(`interface/${sandbox.id}`, link, "name", name);
    interfaceNames.add(name);
    check.mac(`${link}: MAC address`, mac);
    const prefix = check.prefix(`${link}: address`, addressPrefix);
    const network = networks.get(networkId);
    if (!network) check.problems.push({ code: "unknown-network", what: link, value: networkId });
    if (prefix) check.unique(`local/${networkId}`, link, "address", prefix.address);
    if (prefix) check.unique(`interface/${sandbox.id}`, link, "subnet", prefix.subnet);
    check.unique(`local/${networkId}`, link, "MAC address", mac);
    check.unique(`port/${networkId}`, link, "port name", portName(place, name));
    if (addressPrefix6 === undefined) continue;
    if (network) check.hasIpv6(link, addressPrefix6, network);
    const prefix6 = check.prefix6(`${link}: IPv6 address`, addressPrefix6);
    if (prefix6) check.unique(`local/${networkId}`, link, "address", prefix6.address);
    if (prefix6) check.unique(`interface/${sandbox.id}`, link, "subnet", prefix6.subnet);
  }
  const { gateway } = sandbox;
  if (gateway) {
    const link = `${what}: ${gateway.name}`;
    check.interfaceName(link, gateway.name);
    check.unique(`interface/${sandbox.id}`, link, "name", gateway.name);
    interfaceNames.add(gateway.name);
    const prefix = check.prefix(`${link}: address`, gateway.addressPrefix);
    if (prefix) check.unique("gateway", link, "address", prefix.address);
    if (prefix) check.unique(`interface/${sandbox.id}`, link, "subnet", prefix.subnet);
    if (prefix && gatewayPrefix) {
      check.reachable(`${link}: the gateway bridge`, gatewayPrefix.address, prefix.subnet);
    }
    if (gateway.sourceAddress !== undefined) {
      check.address(`${link}: preferred source`, gateway.sourceAddress);
      const own = [gateway.addressPrefix, ...sandbox.interfaces.map(({ addressPrefix }) => addressPrefix)];
      const known = own.some((one) => parsePrefix(one)?.address === gateway.sourceAddress);
      if (!known) {
        const value = gateway.sourceAddress;
        check.problems.push({
          code: "unreachable",
          what: `${link}: preferred source`,
          value,
          subnet: "the sandbox's addresses",
        });
      }
    }
    check.unique("gateway-port", link, "port name", gatewayPortName(nodeId, place));
  }
  checkReturnRoutes(check, sandbox, interfaceNames);
  for (const path of Object.keys(sandbox.sysctls)) {
    const good = /^net(\/[A-Za-z0-9_.:-]+)+$/.test(path) && !path.split("/").includes("..");
    if (!good) check.problems.push({ code: "bad-sysctl", what: `${what}: sysctl`, value: path });
  }
}

function checkReturnRoutes(check: Checker, sandbox: Sandbox, interfaceNames: ReadonlySet<string>): void {
  for (const { mark, mask, table, via, interfaceName } of sandbox.returnRoutes) {
    const what = `sandbox ${sandbox.id}: return route of mark ${mark}`;
    check.number(`${what}: mark`, mark, 1, 0xffffffff);
    check.number(`${what}: mask`, mask, 1, 0xffffffff);
    check.number(`${what}: table`, table, 1, 0xffffffff);
    if (table >= 253 && table <= 255) {
      check.problems.push({ code: "duplicate", what, value: `table ${table}`, other: "the kernel" });
    }
    check.address(`${what}: gateway`, via);
    check.unique(`return/${sandbox.id}`, what, "mark", `${mark}/${mask}`);
    check.unique(`return/${sandbox.id}`, what, "table", String(table));
    if (!interfaceNames.has(interfaceName)) check.problems.push({ code: "bad-name", what, value: interfaceName });
    const link = sandbox.interfaces.find(({ name }) => name === interfaceName);
    const subnet = link && parsePrefix(link.addressPrefix)?.subnet;
    if (subnet !== undefined) check.reachable(`${what}: gateway`, via, subnet);
  }
}

class Checker {
  readonly problems: WantedProblem[] = [];
  readonly #taken = new Map<string, string>();

  linkName(what: string, value: string): void {
    if (!isLinkName(value)) this.problems.push({ code: "bad-name", what, value });
  }

  interfaceName(what: string, value: string): void {
    if (!isLinkName(value) || value === LOOPBACK) this.problems.push({ code: "bad-name", what, value });
  }

  prefix(what: string, value: string): Ipv4Prefix | undefined {
    const prefix = parsePrefix(value);
    if (!prefix || prefix.length === 0) this.problems.push({ code: "bad-prefix", what, value, family: "IPv4" });
    return prefix;
  }

  prefix6(what: string, value: string): Ipv6Prefix | undefined {
    const prefix = parsePrefix6(value);
    if (!prefix || prefix.length === 0) this.problems.push({ code: "bad-prefix", what, value, family: "IPv6" });
    return prefix;
  }

  hasIpv6(what: string, value: string, { id, gatewayPrefix6 }: OverlayNetwork): void {
    if (gatewayPrefix6 === undefined) this.problems.push({ code: "no-ipv6", what, value, network: id });
  }

  address(what: string, value: string): void {
    if (readIpv4(value) === undefined) this.problems.push({ code: "bad-address", what, value, family: "IPv4" });
  }

  address6(what: string, value: string): void {
    if (!isSubnetAddress6(value)) this.problems.push({ code: "bad-address", what, value, family: "IPv6" });
  }

  mac(what: string, value: string): void {
    if (!isUnicastMac(value)) this.problems.push({ code: "bad-mac", what, value });
  }

  number(what: string, value: number, lowest: number, highest: number): void {
    if (!Number.isInteger(value) || value < lowest || value > highest) {
      this.problems.push({ code: "bad-number", what, value, lowest, highest });
    }
  }

  reachable(what: string, value: string, subnet: string): void {
    if (!inSubnet(value, subnet)) this.problems.push({ code: "unreachable", what, value, subnet });
  }

  unique(scope: string, owner: string, attribute: string, value: string): void {
    const key = `${scope}\n${attribute}\n${value}`;
    const other = this.#taken.get(key);
    if (other === undefined) this.#taken.set(key, owner);
    else this.problems.push({ code: "duplicate", what: owner, value: `${attribute} ${value}`, other });
  }
}
