/** What `tsctl net inspect` says of names. */
import test from "ava";
import { ZoneTable } from "../../../src/agent/dns/zone-table.js";
import { dnsItems } from "../../../src/agent/network/dns-items.js";
import { ItemState } from "../../../src/api/generated/tswarm/v1/link.js";
import { rows, task } from "../dns/sandbox.js";
import { serviceRow } from "./rows.js";

const SHOP = {
  id: "n1",
  name: "shop",
  vni: 4097,
  subnet: "10.0.1.0/24",
  gatewayPrefix: "10.0.1.1/24",
  internal: false,
  ingress: false,
};
const BOTH = { ...SHOP, subnet6: "fd00:1::/64", gatewayPrefix6: "fd00:1::1/64" };
const ROWS = rows(
  [serviceRow({ virtualAddress6: "fd00:1::2" })],
  [task(1, { address6: "fd00:1::11" }), task(2, { address6: "fd00:1::12" })],
);
const EVERYTHING = { requestId: 0, networkId: "", serviceId: "" };

function items(facts: typeof SHOP, balancesIpv6: boolean, known = ROWS) {
  const zones = new ZoneTable({ balancesIpv6 });
  zones.reconcile(known);
  const answers = (networkId: string, name: string, family: 4 | 6) => {
    const records = zones.zone(networkId).lookup(name);
    return records && [...(family === 4 ? records.four : records.six).addresses].sort();
  };
  return dnsItems(
    { ...ROWS, revision: 0 },
    { networks: new Map([["n1", facts]]), answers },
    balancesIpv6,
    EVERYTHING,
  ).map(({ key, wanted, found, state }) => [key, wanted, found, ItemState[state]]);
}

const FOUR = [
  ["web", "10.0.1.2", "10.0.1.2", "ITEM_PRESENT"],
  ["tasks.web", "10.0.1.11 10.0.1.12", "10.0.1.11 10.0.1.12", "ITEM_PRESENT"],
];
const TASKS6 = "fd00:1::11 fd00:1::12";

test("names of a network of both families are looked at in both, of another one in IPv4 alone", (t) => {
  t.deepEqual(items(SHOP, true), FOUR);
  t.deepEqual(items(BOTH, true), [
    ...FOUR,
    ["web AAAA", "fd00:1::2", "fd00:1::2", "ITEM_PRESENT"],
    ["tasks.web AAAA", TASKS6, TASKS6, "ITEM_PRESENT"],
  ]);
});

test("where virtual addresses of IPv6 are not balanced the tasks are wanted for the service", (t) => {
  t.deepEqual(items(BOTH, false)[2], ["web AAAA", TASKS6, TASKS6, "ITEM_PRESENT"]);
});

test("a resolver that knows another address, or none, has drifted", (t) => {
  const stale = rows([serviceRow({ virtualAddress6: "fd00:1::9" })], []);
  t.deepEqual(items(BOTH, true, stale).slice(2), [
    ["web AAAA", "fd00:1::2", "fd00:1::9", "ITEM_DIFFERENT"],
    ["tasks.web AAAA", TASKS6, "", "ITEM_MISSING"],
  ]);
});
