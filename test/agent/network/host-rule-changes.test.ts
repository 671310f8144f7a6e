import test from "ava";
import type { PacketRule } from "../../../netns/packet-filter/rules.js";
import { changedUdpPorts, sameRules, stillWanted } from "../../../src/agent/network/host-rule-changes.js";

function publish(protocol: "tcp" | "udp", ...destinationPorts: number[]): PacketRule {
  return {
    key: `mesh/in/${protocol}`,
    hook: "prerouting",
    match: { protocol, destinationPorts },
    action: { kind: "dnat", address: "172.18.0.2" },
  };
}

test("between two lists only what both want stays: a port that comes waits, one that goes is gone", (t) => {
  const before = [publish("tcp", 80, 443), publish("udp", 53)];
  const after = [publish("tcp", 443, 8080)];
  t.deepEqual(stillWanted(before, after), [publish("tcp", 443)]);
  t.deepEqual(stillWanted([], after), []);
  t.deepEqual(stillWanted(before, before), before);
});

test("a rule whose ports all change stays with its new ones: it leads nowhere that the old one did", (t) => {
  t.deepEqual(stillWanted([publish("tcp", 80)], [publish("tcp", 90)]), [publish("tcp", 90)]);
});

test("UDP ports that come or go are led elsewhere", (t) => {
  t.deepEqual(
    [...changedUdpPorts([publish("udp", 53, 69)], [publish("udp", 53, 123)])].sort((a, b) => a - b),
    [69, 123],
  );
  t.is(changedUdpPorts([publish("tcp", 80)], []).size, 0);
});

test("lists are the same when every rule is", (t) => {
  t.true(sameRules([publish("tcp", 80)], [publish("tcp", 80)]));
  t.false(sameRules([publish("tcp", 80)], [publish("tcp", 81)]));
});
