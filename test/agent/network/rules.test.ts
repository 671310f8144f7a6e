import test from "ava";
import { hostRules } from "../../../src/agent/network/host-rules.js";
import { ingressRules } from "../../../src/agent/network/ingress-rules.js";
import { keepsClientAddress, RETURN_NODES_MAX, returnRoutes } from "../../../src/agent/network/mesh-return.js";
import { sandboxRules } from "../../../src/agent/network/sandbox-rules.js";
import { EndpointKind } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint } from "./rows.js";

const gateway = (host: number) =>
  endpoint({
    id: `node${host}/ingress`,
    kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY,
    address: `10.0.0.${host}`,
    mac: `02:42:0a:00:00:0${host}`,
  });

const published = { protocol: "tcp", targetPort: 80, publishedPort: 8080 } as const;

test("a sandbox without published ports has the resolver's rules and no others", (t) => {
  const rules = sandboxRules({ ingressPorts: [], hostPorts: [], gateways: [gateway(2)] });
  t.deepEqual(
    rules.map((rule) => rule.key),
    ["dns/udp", "dns/tcp"],
  );
});

test("a published task translates its port, notes who asked, and refuses every other port on the ingress network", (t) => {
  const rules = sandboxRules({
    ingress: { interfaceName: "eth0", address: "10.0.0.7", subnet: "10.0.0.0/24" },
    gateway: { interfaceName: "eth1", address: "172.18.0.5" },
    ingressPorts: [published],
    hostPorts: [],
    gateways: [gateway(2), gateway(3)],
  });
  t.deepEqual(
    rules.slice(2).map((rule) => [rule.key, rule.action.kind]),
    [
      ["port/tcp/8080", "redirect"],
      ["return/note/10.0.0.2", "connection-mark"],
      ["return/note/10.0.0.3", "connection-mark"],
      ["return/restore", "restore-mark"],
      ["ingress/established", "accept"],
      ["ingress/allow/tcp", "accept"],
      ["ingress/refuse/tcp", "reject"],
      ["ingress/refuse/udp", "reject"],
      ["egress/source", "snat"],
    ],
  );
  const allow = rules.find((rule) => rule.key === "ingress/allow/tcp");
  t.deepEqual(allow?.match.destinationPorts, [80], "after translation the packet has the target port");
});

test("marks of return routes and of the rules that set them are the same", (t) => {
  const gateways = [gateway(2), gateway(3)];
  const routes = returnRoutes(gateways, "10.0.0.0/24", "eth0");
  const rules = sandboxRules({
    ingress: { interfaceName: "eth0", address: "10.0.0.7", subnet: "10.0.0.0/24" },
    ingressPorts: [published],
    hostPorts: [],
    gateways,
  });
  const marks = rules.flatMap((rule) => (rule.action.kind === "connection-mark" ? [rule.action.value] : []));
  t.deepEqual(
    routes.map((route) => route.mark),
    marks,
  );
  t.is(new Set(marks).size, 2);
});

test("beyond the limit of nodes the ingress sandbox rewrites the source", (t) => {
  const many = Array.from({ length: RETURN_NODES_MAX + 1 }, (_, index) =>
    endpoint({ id: `n${index}/i`, address: "10.0.0.2" }),
  );
  t.false(keepsClientAddress(many));
  t.true(keepsClientAddress(many.slice(1)));
  const base = {
    overlayInterface: "eth0",
    overlayAddress: "10.0.0.2",
    gatewayInterface: "eth1",
    gatewaySubnet: "172.18.0.0/16",
  };
  t.deepEqual(ingressRules({ ...base, keepClientAddress: true })[0]?.match.source, "172.18.0.0/16");
  t.deepEqual(ingressRules({ ...base, keepClientAddress: false })[0]?.match.notSource, "10.0.0.2/32");
});

test("the host leads published ports to the ingress sandbox, drops 127/8 from the bridge, and closes the rest of the bridge", (t) => {
  const rules = hostRules({
    bridge: "tswarm0",
    bridgeSubnet: "172.18.0.0/16",
    ingressAddress: "172.18.0.2",
    meshPorts: [
      { protocol: "tcp", port: 8080 },
      { protocol: "udp", port: 53 },
      { protocol: "tcp", port: 443 },
    ],
    hostPorts: [{ ...published, publishedPort: 9090, address: "172.18.0.5" }],
  });
  t.deepEqual(
    rules.map((rule) => rule.key),
    [
      "bridge/loopback",
      "host-port/in/tcp/9090",
      "host-port/local/tcp/9090",
      "host-port/forward/tcp/9090",
      "mesh/in/tcp",
      "mesh/local/tcp",
      "mesh/forward/tcp",
      "mesh/in/udp",
      "mesh/local/udp",
      "mesh/forward/udp",
      "forward/answers",
      "forward/out",
      "forward/closed",
      "bridge/local-clients",
      "bridge/hairpin",
      "bridge/egress",
    ],
  );
  t.deepEqual(rules.find((rule) => rule.key === "mesh/in/tcp")?.match.destinationPorts, [443, 8080]);
});

test("a node without an ingress sandbox leads no mesh port anywhere", (t) => {
  const rules = hostRules({
    bridge: "tswarm0",
    bridgeSubnet: "172.18.0.0/16",
    meshPorts: [{ protocol: "tcp", port: 8080 }],
    hostPorts: [],
  });
  t.false(rules.some((rule) => rule.key.startsWith("mesh/")));
});
