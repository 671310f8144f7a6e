/** One suite for every back-end: what each action and match does to real packets, and how the rules are kept. */
import test from "ava";
import { inNamespace, type Namespace } from "../../../netns/namespace.js";
import { choosePacketFilter, type PacketFilterName } from "../../../netns/packet-filter/choose.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { missingProbe } from "../../kernel/probes.js";
import type { Bed, Declare } from "./bed.js";
import { declareActionTests } from "./compliance-actions.js";
import { declareMatchTests } from "./compliance-matches.js";
import { declareUpkeepTests } from "./compliance-upkeep.js";
import { makeNetwork, type Network } from "./network.js";
import { serve } from "./traffic.js";

/** Declares the whole suite for one back-end, which the kernel must have. */
export function packetFilterCompliance(name: PacketFilterName): void {
  let bed: Bed | undefined;

  test.serial.before(async () => {
    if (missingProbe([name])) return;
    const network = makeNetwork();
    try {
      const filter = inNamespace(network.router, () => choosePacketFilter({ only: name }).filter);
      bed = { network, filter, responders: await answerEverywhere(network), apply };
    } catch (error) {
      network[Symbol.dispose]();
      throw error;
    }
  });

  test.serial.afterEach.always(() => {
    if (!bed) return;
    const { network, filter } = bed;
    for (const namespace of network.all) inNamespace(namespace, () => filter.clear());
  });

  test.after.always(() => {
    for (const responder of Object.values(bed?.responders ?? {})) responder.close();
    bed?.network[Symbol.dispose]();
  });

  function apply(namespace: Namespace, rules: PacketRules): number {
    return inNamespace(namespace, () => bed!.filter.apply(rules).changed);
  }

  const declare: Declare = (title, body) => {
    kernelTest.serial(title, { needs: [name] }, async (t) => {
      if (!bed) throw new Error("no test bed");
      await body(t, bed);
    });
  };
  declareActionTests(declare);
  declareMatchTests(declare);
  declareUpkeepTests(declare);
}

async function answerEverywhere(network: Network): Promise<Bed["responders"]> {
  return {
    server: await serve(network.server, "server", 80),
    router: await serve(network.router, "router", 80),
    client: await serve(network.client, "client", 80),
    aside: await serve(network.aside, "aside", 80),
  };
}
