import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { FwmarkLoadBalancer } from "../../../ipvs/fwmark/driver.js";
import { findIptables } from "../../../netns/packet-filter/iptables-command.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { probe } from "../../kernel/probes.js";
import { CASTS, type Cast } from "../compliance/cast.js";
import { TAMPERED } from "../compliance/driver.js";
import { complianceSuite } from "../compliance/suite.js";

const run =
  (file: string) =>
  (...words: string[]) =>
    execFileSync(file, words, { encoding: "utf8" });
const ip = run("ip");
const ipvsadm = run("ipvsadm");
const iptables = run("iptables-legacy");
const ip6tables = run("ip6tables-legacy");
const legacy = findIptables("legacy");

complianceSuite(kernelTest, {
  name: "ipvs",
  needs: {
    ip: ["ipvs", "iptables-legacy", "bridge"],
    ip6: ["ipvs", "iptables-legacy", "bridge", "ipvs-ipv6", "ip6tables-legacy"],
  },
  endsUnpublished: false,
  longDatagrams: { ip: ["EMSGSIZE", "web-1"], ip6: ["EMSGSIZE", "EMSGSIZE"] },
  sequences: 5,
  many: 5000,
  create() {
    if (typeof legacy === "string") throw new Error(legacy);
    return new FwmarkLoadBalancer(legacy, { balancesIpv6: probe("ipvs-ipv6") === undefined });
  },
  addForeign() {
    ipvsadm("-A", "-t", "10.98.0.1:80", "-s", "rr");
    ipvsadm("-a", "-t", "10.98.0.1:80", "-r", "10.98.0.2:80", "-m");
    ipvsadm("-A", "-f", "7", "-s", "rr");
    iptables("-t", "mangle", "-A", "OUTPUT", "-d", "10.98.0.1/32", "-j", "MARK", "--set-mark", "7");
    iptables("-A", "INPUT", "-s", "10.98.0.9/32", "-j", "DROP");
    ip("route", "add", "local", "10.98.0.1", "dev", "lo", "table", "local");
    if (probe("ipvs-ipv6") !== undefined) return;
    writeFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0");
    ipvsadm("-A", "-f", "7", "-6", "-s", "rr");
    ip6tables("-t", "mangle", "-A", "OUTPUT", "-d", "fd00:98::1/128", "-j", "MARK", "--set-mark", "7");
    ip6tables("-A", "INPUT", "-s", "fd00:98::9/128", "-j", "DROP");
    ip("-6", "route", "add", "local", "fd00:98::1", "dev", "lo", "table", "local");
  },
  dump: () => ipvsadm("-Sn") + rules(iptables) + rules(ip6tables) + ip("route", "show", "table", "local") + routes6(),
  tampering: {
    ip: {
      "interfaces answer for every address": () => writeFileSync("/proc/sys/net/ipv4/conf/all/arp_ignore", "0"),
      "IPVS no longer works with connection tracking": () => writeFileSync("/proc/sys/net/ipv4/vs/conntrack", "0"),
      ...tampering(CASTS.ip),
    },
    ip6: {
      "the loopback interface has no IPv6": () => writeFileSync("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1"),
      ...tampering(CASTS.ip6),
    },
  },
});

function tampering({ family, VIP, web }: Cast): Readonly<Record<string, () => void>> {
  const six = family === "ip6" ? ["-6"] : [];
  const service = ["-f", `${TAMPERED.mark}`, ...six];
  const real = (address: string) => ["-r", family === "ip6" ? `[${address}]:0` : address];
  const tables = family === "ip6" ? ip6tables : iptables;
  return {
    "IPVS was cleared": () => ipvsadm("-C"),
    "one destination was removed": () => ipvsadm("-d", ...service, ...real(web(11))),
    "one destination's weight was changed": () => ipvsadm("-e", ...service, ...real(web(11)), "-m", "-w", "0"),
    "a destination was added": () => ipvsadm("-a", ...service, ...real(web(99)), "-m"),
    "the scheduler was changed": () => ipvsadm("-E", ...service, "-s", "wrr", "-p", "300"),
    "a service with a mark of our range was added": () => ipvsadm("-A", "-f", "4711", ...six, "-s", "rr"),
    "the mangle table was flushed": () => tables("-t", "mangle", "-F"),
    "one mark rule was deleted": () => tables("-t", "mangle", "-D", "TSWARM-LB-CALL", "1"),
    "the jump was deleted": () => tables("-t", "mangle", "-D", "OUTPUT", "-j", "TSWARM-LB-CALL"),
    "a virtual address is marked for another service": () =>
      tables(
        "-t",
        "mangle",
        "-R",
        "TSWARM-LB-CALL",
        "1",
        "-d",
        VIP,
        "-j",
        "MARK",
        "--set-mark",
        `${TAMPERED.otherMark}`,
      ),
    "the input no longer refuses": () => tables("-F", "TSWARM-LB-REFUSE"),
    "the refusal lets pass": () => tables("-I", "TSWARM-LB-NOW", "1", "-j", "ACCEPT"),
    "a route was deleted": () => ip(...six, "route", "del", "local", VIP, "table", "local"),
  };
}

/** Rules without the counters, and without built-in chains that only an earlier use of the table shows. */
function rules(tables: typeof iptables): string {
  if (tables === ip6tables && probe("ipvs-ipv6") !== undefined) return "";
  return ["mangle", "filter"].map((table) => tables("-t", table, "-S")).join("");
}

/** Of IPv6 only what the driver or somebody else made: the kernel's own come and go with addresses. */
function routes6(): string {
  const lines = ip("-6", "route", "show", "table", "local").split("\n");
  return lines.filter((line) => !line.includes(" proto kernel ")).join("\n");
}
