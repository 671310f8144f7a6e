/** One suite for every back-end: what each action and match does to real packets, and how the rules are kept. */
import test from "ava";
import { inNamespace, type Namespace } from "../../../netns/namespace.js";
import { choosePacketFilter, type PacketFilterName } from "../../../netns/packet-filter/choose.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import type { Bed, Declare } from "./bed.js";
import { declareActionTests } from "./compliance-actions.js";
import { declareMatchTests } from "./compliance-matches.js";
import { declareUpkeepTests } from "./compliance-upkeep.js";
import { makeNetwork, type Network } from "./network.js";
import { serve } from "./traffic.js";

/**
 * Declares the whole suite for one back-end; where the kernel or the programs lack it, says why and skips.
 * @returns whether the back-end can be used
 */
export function packetFilterCompliance(name: PacketFilterName): boolean {
  let bed: Bed | undefined;
  const missing = whyMissing(name);
  if (missing !== undefined) {
    test.skip(`${name} cannot be used here: ${missing}`, () => undefined);
    return false;
  }

  test.serial.before(async () => {
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
    test.serial(title, async (t) => {
      if (!bed) throw new Error("no test bed");
      await body(t, bed);
    });
  };
  declareActionTests(declare);
  declareMatchTests(declare);
  declareUpkeepTests(declare);
  return true;
}

/** Looks in a namespace of its own, so that nothing of the probe touches the machine's. */
function whyMissing(name: PacketFilterName): string | undefined {
  using network = makeNetwork();
  try {
    inNamespace(network.router, () => choosePacketFilter({ only: name }));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

async function answerEverywhere(network: Network): Promise<Bed["responders"]> {
  return {
    server: await serve(network.server, "server", 80),
    router: await serve(network.router, "router", 80),
    client: await serve(network.client, "client", 80),
    aside: await serve(network.aside, "aside", 80),
  };
}
