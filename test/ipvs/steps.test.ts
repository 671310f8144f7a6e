/** The order of what an apply does, for both drivers. */
import test from "ava";
import { flowRulesOfChanges } from "../../ipvs/flows.js";
import { ruleChanges } from "../../ipvs/fwmark/family-rules.js";
import { planIpvs } from "../../ipvs/fwmark/ipvs-plan.js";
import { wantedIpvs } from "../../ipvs/fwmark/ipvs-state.js";
import { countWrites as countFwmark, orderedSteps as fwmarkSteps } from "../../ipvs/fwmark/steps.js";
import type { VirtualService } from "../../ipvs/load-balancer.js";
import { planChange } from "../../ipvs/nftables/family-tables.js";
import { countWrites, orderedSteps } from "../../ipvs/nftables/steps.js";
import { serviceChanges } from "../../ipvs/service-changes.js";
import { planRoutes, wantedRoutes } from "../../ipvs/virtual-routes.js";
import { A, B, web } from "./services.js";

type List = readonly VirtualService[];
const routes = (before: List, after: List) => planRoutes(wantedRoutes(before), wantedRoutes(after));
const flows = (before: List, after: List) => flowRulesOfChanges(serviceChanges(before, after));
const nftables = (before: List, after: List) =>
  orderedSteps(
    routes(before, after),
    planChange(serviceChanges(before, after), { services: before, shards: { ip: new Set(), ip6: new Set() } }, after),
    flows(before, after),
  );
const ipvs = (before: List, after: List) =>
  fwmarkSteps(
    routes(before, after),
    planIpvs(wantedIpvs(before), wantedIpvs(after)),
    ruleChanges(serviceChanges(before, after), before, after),
    flows(before, after),
  );

const tables = [
  {
    title: "a service comes: the virtual address last",
    before: [],
    after: [web(300, { [A]: 1 })],
    nftables: ["commit-tables", "end-flows", "write-routes"],
    ipvs: ["build-ipvs", "restore-rules", "end-flows", "write-routes"],
  },
  {
    title: "a service goes: the virtual address first, its backends last",
    before: [web(300, { [A]: 1 })],
    after: [],
    nftables: ["remove-routes", "commit-tables", "end-flows"],
    ipvs: ["remove-routes", "restore-rules", "remove-ipvs", "end-flows"],
  },
  {
    title: "one goes, another comes",
    before: [web(300, { [A]: 1 })],
    after: [web(301, { [A]: 1 })],
    nftables: ["remove-routes", "commit-tables", "end-flows", "write-routes"],
    ipvs: ["remove-routes", "build-ipvs", "restore-rules", "remove-ipvs", "end-flows", "write-routes"],
  },
  {
    title: "a backend is replaced: the new one before the old one goes",
    before: [web(300, { [A]: 1 })],
    after: [web(300, { [B]: 1 })],
    nftables: ["commit-tables", "end-flows"],
    ipvs: ["build-ipvs", "remove-ipvs", "end-flows"],
  },
  {
    title: "a backend drains: no connection ends",
    before: [web(300, { [A]: 1, [B]: 1 })],
    after: [web(300, { [A]: 0, [B]: 1 })],
    nftables: ["commit-tables"],
    ipvs: ["build-ipvs"],
  },
  {
    title: "the last backend drains: nothing leads there any more",
    before: [web(300, { [A]: 1 })],
    after: [web(300, { [A]: 0 })],
    nftables: ["commit-tables"],
    ipvs: ["build-ipvs", "restore-rules"],
  },
  { title: "nothing", before: [web(300, { [A]: 1 })], after: [web(300, { [A]: 1 })], nftables: [], ipvs: [] },
];

for (const { title, before, after, ...wanted } of tables) {
  test(title, (t) => {
    const [table, marks] = [nftables(before, after), ipvs(before, after)];
    t.deepEqual(
      table.map(({ kind }) => kind),
      wanted.nftables as (typeof table)[number]["kind"][],
    );
    t.deepEqual(
      marks.map(({ kind }) => kind),
      wanted.ipvs as (typeof marks)[number]["kind"][],
    );
    t.is(
      countWrites(table) > 0,
      table.some(({ kind }) => kind !== "end-flows"),
    );
    t.is(
      countFwmark(marks) > 0,
      marks.some(({ kind }) => kind !== "end-flows"),
    );
  });
}
