import test from "ava";
import fc from "fast-check";
import type { NamespaceRole } from "../../overlay/actual-state.js";
import { drift, remainingDrift } from "../../overlay/drift.js";
import { expectedNode } from "../../overlay/expected-state.js";
import { HOST, type Place } from "../../overlay/kernel-objects.js";
import { plan } from "../../overlay/plan.js";
import { describeStep } from "../../overlay/steps.js";
import { wantedProblems } from "../../overlay/validation.js";
import type { NodeWanted } from "../../overlay/wanted.js";
import { arbitraryWanted } from "./arbitrary-wanted.js";
import { ModelKernel } from "./model-kernel.js";

const NODE = "nodeofthemodel";
const RUNS = Number(process.env.TSWARM_PROPERTY_RUNS ?? 400);

test("random wanted states are valid", (t) => {
  fc.assert(fc.property(arbitraryWanted, (wanted) => wantedProblems(wanted, NODE).length === 0));
  t.pass();
});

test("from any wanted state to any other: every step is possible when its turn comes, and none is left", (t) => {
  fc.assert(
    fc.property(fc.array(arbitraryWanted, { minLength: 1, maxLength: 4 }), (states) => {
      const kernel = newKernel();
      for (const wanted of states) {
        for (const step of plan(look(kernel, wanted), wanted)) kernel.take(step);
        const rest = plan(look(kernel, wanted), wanted);
        t.deepEqual(rest.map(describeStep), []);
        t.deepEqual(remainingDrift(look(kernel, wanted), wanted), []);
      }
    }),
    { numRuns: RUNS },
  );
});

test("a plan that stops anywhere is finished by the next one", (t) => {
  fc.assert(
    fc.property(arbitraryWanted, arbitraryWanted, fc.nat(200), (before, after, stop) => {
      const kernel = newKernel();
      for (const step of plan(look(kernel, before), before)) kernel.take(step);
      for (const step of plan(look(kernel, after), after).slice(0, stop)) kernel.take(step);
      for (const step of plan(look(kernel, after), after)) kernel.take(step);
      t.deepEqual(plan(look(kernel, after), after).map(describeStep), []);
    }),
    { numRuns: RUNS },
  );
});

test("extending takes nothing away that is not in the way, and trimming afterwards does the rest", (t) => {
  fc.assert(
    fc.property(arbitraryWanted, arbitraryWanted, (before, after) => {
      const kernel = newKernel();
      for (const step of plan(look(kernel, before), before)) kernel.take(step);
      const extending = plan(look(kernel, after), after, "extend");
      t.false(extending.some((step) => step.kind === "remove-namespace"));
      t.false(extending.some((step) => step.kind === "remove-link" && step.because.length === 0));
      if (vnisStay(before, after)) {
        for (const step of extending) kernel.take(step);
        t.deepEqual(plan(look(kernel, after), after, "extend").map(describeStep), []);
        for (const step of plan(look(kernel, after), after, "trim")) kernel.take(step);
        t.deepEqual(plan(look(kernel, after), after).map(describeStep), []);
      }
    }),
    { numRuns: RUNS },
  );
});

/** Else a device that is still there is taken away when its VNI is asked for, which a plan cannot see. */
function vnisStay(before: NodeWanted, after: NodeWanted): boolean {
  const owner = new Map(before.networks.map(({ id, vni }) => [vni, id]));
  return after.networks.every(({ id, vni }) => (owner.get(vni) ?? id) === id);
}

test("tampering of any kind is healed, and the drift names it before", (t) => {
  fc.assert(
    fc.property(
      arbitraryWanted,
      fc.array(fc.tuple(fc.nat(), fc.nat(12)), { minLength: 1, maxLength: 4 }),
      (wanted, acts) => {
        const kernel = newKernel();
        for (const step of plan(look(kernel, wanted), wanted)) kernel.take(step);
        for (const [seed, kind] of acts) tamper(kernel, seed, kind);
        const steps = plan(look(kernel, wanted), wanted);
        t.is(steps.length > 0, remainingDrift(look(kernel, wanted), wanted).length > 0);
        for (let tries = 0; tries < 3; tries++)
          for (const step of plan(look(kernel, wanted), wanted)) kernel.take(step);
        t.deepEqual(plan(look(kernel, wanted), wanted).map(describeStep), []);
        t.true(drift(look(kernel, wanted), wanted).every(({ state }) => state === "present"));
      },
    ),
    { numRuns: RUNS },
  );
});

function newKernel(): ModelKernel {
  return new ModelKernel(NODE, roleOf);
}

function roleOf(place: Place): NamespaceRole {
  if (place === HOST) return "host";
  return place.includes("-sbx-") ? "sandbox" : "network";
}

function look(kernel: ModelKernel, wanted: NodeWanted) {
  const { namespaces } = expectedNode(wanted, NODE);
  return kernel.observe(namespaces.keys(), (place) => namespaces.get(place)?.sysctls.map(({ path }) => path) ?? []);
}

/** Changes one object, chosen by `seed`, behind the plan's back. */
function tamper(kernel: ModelKernel, seed: number, kind: number): void {
  const choose = <T>(items: readonly T[]): T | undefined => items[seed % items.length];
  const places = [...kernel.namespaces.keys()];
  const place = choose(places)!;
  const namespace = kernel.namespaces.get(place)!;
  const link = choose([...namespace.links.values()].filter(({ name }) => name !== "lo"));
  const address = choose([...namespace.addresses.values()]);
  switch (kind) {
    case 0:
      if (link) kernel.removeLink(place, link.name);
      return;
    case 1:
      if (link) kernel.setLink(place, link.name, { up: false });
      return;
    case 2:
      if (link) kernel.setLink(place, link.name, { mtu: 1300, mac: "02:00:00:00:00:07" });
      return;
    case 3:
      if (link && link.master !== "") kernel.setLink(place, link.name, { master: "" });
      return;
    case 4:
      if (address) kernel.removeAddress(place, address);
      return;
    case 5:
      deleteOne(namespace.routes, seed);
      return;
    case 6:
      deleteOne(namespace.rules, seed);
      return;
    case 7:
      deleteOne(namespace.fdb, seed);
      return;
    case 8:
      deleteOne(namespace.neighbours, seed);
      return;
    case 9:
      if (place !== HOST && namespace.links.has("vxlan0")) {
        const mac = "02:42:0a:00:00:fe";
        namespace.fdb.set(`${mac} dev vxlan0`, {
          kind: "fdb",
          mac,
          link: "vxlan0",
          table: "self",
          tunnel: "192.168.9.9",
          fixed: true,
        });
        namespace.neighbours.set("10.0.0.254 dev vxlan0", {
          kind: "neighbour",
          address: "10.0.0.254",
          link: "vxlan0",
          mac,
          permanent: true,
        });
      }
      return;
    case 10:
    case 11: {
      const name = seed % 3 === 0 ? "all" : link?.name;
      const off = kind === 10 ? "1" : "0";
      if (place !== HOST && name !== undefined) kernel.setSysctl(place, `net/ipv6/conf/${name}/disable_ipv6`, off);
      return;
    }
    default:
      if (place !== HOST) kernel.take({ kind: "remove-namespace", place });
  }
}

function deleteOne(objects: Map<string, unknown>, seed: number): void {
  const key = [...objects.keys()][seed % Math.max(1, objects.size)];
  if (key !== undefined) objects.delete(key);
}
