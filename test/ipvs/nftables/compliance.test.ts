import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { NftablesLoadBalancer } from "../../../ipvs/nftables/driver.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { TAMPERED } from "../compliance/driver.js";
import { complianceSuite } from "../compliance/suite.js";

/** By its path: a package of the same name puts another program in front when tests run by npx. */
const nft = (...words: string[]) => execFileSync("/usr/sbin/nft", words, { encoding: "utf8" });
const ip = (...words: string[]) => execFileSync("ip", words, { encoding: "utf8" });
const chain = `service-${TAMPERED.mark}`;

complianceSuite(kernelTest, {
  name: "nftables",
  needs: ["nftables", "bridge"],
  endsUnpublished: true,
  sequences: 40,
  many: 5000,
  create: () => new NftablesLoadBalancer({ balancesIpv6: true }),
  addForeign() {
    nft("add", "table", "ip", "theirs");
    nft("add", "chain", "ip", "theirs", "input", "{ type filter hook input priority 0; }");
    nft("add", "rule", "ip", "theirs", "input", "counter");
    ip("route", "add", "local", "10.98.0.1", "dev", "lo", "table", "local");
  },
  dump: () => nft("-s", "list", "ruleset") + ip("route", "show", "table", "local"),
  tampering: {
    "interfaces answer for every address": () => writeFileSync("/proc/sys/net/ipv4/conf/all/arp_ignore", "0"),
    "the ruleset was flushed": () => nft("flush", "ruleset"),
    "the table's rules were flushed": () => nft("flush", "table", "ip", "tswarm-lb"),
    "a route was deleted": () => ip("route", "del", "local", TAMPERED.address, "table", "local"),
    "a route leads from another source": () =>
      ip(
        "route",
        "replace",
        "local",
        TAMPERED.address,
        "dev",
        "lo",
        "table",
        "local",
        "proto",
        "84",
        "src",
        "127.0.0.1",
      ),
    "a virtual address was taken out": () =>
      nft("delete", "element", "ip", "tswarm-lb", "virtual-services", `{ ${TAMPERED.address} }`),
    "a virtual address is no longer guarded": () =>
      nft("delete", "element", "ip", "tswarm-lb", "virtual-addresses", `{ ${TAMPERED.address} }`),
    "a published port was taken out": () =>
      nft("delete", "element", "ip", "tswarm-lb", "published-services", `{ tcp . ${TAMPERED.port} }`),
    "a virtual address leads to another service": () => {
      nft("delete", "element", "ip", "tswarm-lb", "virtual-services", `{ ${TAMPERED.address} }`);
      nft("add", "element", "ip", "tswarm-lb", "virtual-services", `{ ${TAMPERED.address} : goto service-301 }`);
    },
    "one service's rule was deleted": () => nft("flush", "chain", "ip", "tswarm-lb", chain),
    "one service's rule was replaced": () => {
      nft("flush", "chain", "ip", "tswarm-lb", chain);
      nft("add", "rule", "ip", "tswarm-lb", chain, "dnat", "to", "10.77.0.66");
    },
    "one destination's slot was emptied": () =>
      nft("flush", "map", "ip", "tswarm-lb", `endpoints-${TAMPERED.mark & 63}`),
    "a chain and a map were added to the table": () => {
      nft("add", "chain", "ip", "tswarm-lb", "intruder");
      nft("add", "set", "ip", "tswarm-lb", "strange", "{ type ipv4_addr; }");
    },
    "the input no longer refuses": () => nft("flush", "chain", "ip", "tswarm-lb", "refuse"),
  },
});
