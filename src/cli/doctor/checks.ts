import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { FEATURES, networkNamespaceFeature } from "../../../native-bindings/features/index.js";
import { inNewNetworkNamespace } from "../../../native-bindings/index.js";
import { choosePacketFilter, type PacketFilterName } from "../../../netns/packet-filter/choose.js";
import type { Check, Need } from "./verdict.js";

/** What a node cannot be without, by the name of the probe; the rest is of use for some things only. */
const NEEDS: Readonly<Record<string, Need>> = {
  netns: "all nodes",
  bridge: "all nodes",
  veth: "all nodes",
  vxlan: "all nodes",
  conntrack: "all nodes",
  nf_tables: "load balancer",
  ipvs: "load balancer",
};

const PACKET_FILTERS: readonly PacketFilterName[] = ["nftables", "iptables-nft", "iptables-legacy"];

/** Programs that start a task of the process runtime, all of util-linux but the shell. */
const PROGRAMS = ["sh", "nsenter", "unshare", "setpriv", "mount"];

/** Tries everything, in namespaces that go when the probes end. What cannot be tried for want of a namespace says so. */
export function runChecks(path: string): Check[] {
  const canProbe = networkNamespaceFeature.probe().available;
  const kernel = FEATURES.map((feature): Check => {
    const isProbed = canProbe || feature.name === networkNamespaceFeature.name;
    const { available, reason } = isProbed ? feature.probe() : NOT_PROBED;
    return {
      name: feature.name,
      state: available ? "yes" : isProbed ? "no" : "unknown",
      need: NEEDS[feature.name] ?? "optional",
      describe: feature.describe,
      minimumKernel: feature.minimumKernel,
      reason,
    };
  });
  return [
    ...kernel,
    ...PACKET_FILTERS.map((name) => packetFilterCheck(name, canProbe)),
    ...PROGRAMS.map((name) => programCheck(name, path)),
  ];
}

const NOT_PROBED = { available: false, reason: "not probed: that takes a network namespace" };

function packetFilterCheck(name: PacketFilterName, canProbe: boolean): Check {
  const check = {
    name: `filter ${name}`,
    need: "packet filter",
    describe: `packet-filter rules written by ${name}`,
    minimumKernel: "",
  } as const;
  if (!canProbe) return { ...check, state: "unknown", reason: NOT_PROBED.reason };
  try {
    inNewNetworkNamespace(() => choosePacketFilter({ only: name }));
    return { ...check, state: "yes", reason: "write and remove rules of every kind" };
  } catch (error) {
    return { ...check, state: "no", reason: (error as Error).message.replace(/^no packet filter works here: /, "") };
  }
}

function programCheck(name: string, path: string): Check {
  const found = path
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, name))
    .find(isExecutable);
  return {
    name,
    state: found ? "yes" : "no",
    need: "process tasks",
    describe: "starts tasks of the process runtime",
    minimumKernel: "",
    reason: found ?? "not on PATH (Debian packages util-linux, mount)",
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return false;
  }
}
