import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { NftablesLoadBalancer } from "../../../ipvs/nftables/driver.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { CASTS, type Cast } from "../compliance/cast.js";
import { TAMPERED } from "../compliance/driver.js";
import { complianceSuite } from "../compliance/suite.js";

/** By its path: a package of the same name puts another program in front when tests run by npx. */
const nft = (...words: string[]) => execFileSync("/usr/sbin/nft", words, { encoding: "utf8" });
const ip = (...words: string[]) => execFileSync("ip", words, { encoding: "utf8" });
const chain = `service-${TAMPERED.mark}`;

complianceSuite(kernelTest, {
  name: "nftables",
  needs: { ip: ["nftables", "bridge"], ip6: ["nftables", "nftables-ipv6", "bridge"] },
  endsUnpublished: true,
  longDatagrams: { ip: ["web-1", "web-1"], ip6: ["web-1", "web-1"] },
  sequences: 40,
  many: 5000,
  create: () => new NftablesLoadBalancer({ balancesIpv6: true }),
  addForeign() {
    for (const family of ["ip", "ip6"]) {
      nft("add", "table", family, "theirs");
      nft("add", "chain", family, "theirs", "input", "{ type filter hook input priority 0; }");
      nft("add", "rule", family, "theirs", "input", "counter");
    }
    ip("route", "add", "local", "10.98.0.1", "dev", "lo", "table", "local");
    writeFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
    ip("-6", "route", "add", "local", "fd00:98::1", "dev", "lo", "table", "local");
  },
  dump: () => nft("-s", "list", "ruleset") + ip("route", "show", "table", "local") + ownRoutes6(),
  tampering: {
    ip: {
      "interfaces answer for every address": () => writeFileSync("/proc/sys/net/ipv4/conf/all/arp_ignore", "0"),
      "a published port was taken out": () =>
        nft("delete", "element", "ip", "tswarm-lb", "published-services", `{ tcp . ${TAMPERED.port} }`),
      ...tampering(CASTS.ip),
    },
    ip6: {
      "the loopback interface has no IPv6": () => writeFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1"),
      "a source address went and came, and its routes forgot it": () => {
        const prefix = `${CASTS.ip6.CLIENT}/64`;
        ip("addr", "del", prefix, "dev", "eth0");
        ip("addr", "add", prefix, "dev", "eth0", "nodad");
      },
      "the family's table was deleted": () => nft("delete", "table", "ip6", "tswarm-lb"),
      ...tampering(CASTS.ip6),
    },
  },
});

function tampering({ family, VIP, web }: Cast): Readonly<Record<string, () => void>> {
  const table = [family, "tswarm-lb"] as const;
  const route = [family === "ip6" ? "-6" : "-4", "route"] as const;
  const local = ["local", VIP, "dev", "lo", "table", "local", "proto", "84"] as const;
  return {
    "the ruleset was flushed": () => nft("flush", "ruleset"),
    "the table's rules were flushed": () => nft("flush", "table", ...table),
    "a route was deleted": () => ip(...route, "del", "local", VIP, "table", "local"),
    "a route leads from another source": () => {
      ip("addr", "add", web(99), "dev", "lo", ...(family === "ip6" ? ["nodad"] : []));
      ip(...route, "replace", ...local, "src", web(99));
    },
    "a virtual address was taken out": () => nft("delete", "element", ...table, "virtual-services", `{ ${VIP} }`),
    "a virtual address is no longer guarded": () =>
      nft("delete", "element", ...table, "virtual-addresses", `{ ${VIP} }`),
    "a virtual address leads to another service": () => {
      nft("delete", "element", ...table, "virtual-services", `{ ${VIP} }`);
      nft("add", "element", ...table, "virtual-services", `{ ${VIP} : goto service-${TAMPERED.otherMark} }`);
    },
    "one service's rule was deleted": () => nft("flush", "chain", ...table, chain),
    "one service's rule was replaced": () => {
      nft("flush", "chain", ...table, chain);
      nft("add", "rule", ...table, chain, "dnat", "to", web(66));
    },
    "one destination's slot was emptied": () => nft("flush", "map", ...table, `endpoints-${TAMPERED.mark & 63}`),
    "a chain and a map were added to the table": () => {
      nft("add", "chain", ...table, "intruder");
      nft("add", "set", ...table, "strange", "{ type ipv4_addr; }");
    },
    "the input no longer refuses": () => nft("flush", "chain", ...table, "refuse"),
  };
}

/** Of IPv6 only what the driver or somebody else made: the kernel's own come and go with addresses. */
function ownRoutes6(): string {
  const lines = ip("-6", "route", "show", "table", "local").split("\n");
  return lines.filter((line) => !line.includes(" proto kernel ")).join("\n");
}
