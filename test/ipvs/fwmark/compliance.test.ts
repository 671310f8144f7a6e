import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { FwmarkLoadBalancer } from "../../../ipvs/fwmark/driver.js";
import { findIptables } from "../../../netns/packet-filter/iptables-command.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { TAMPERED } from "../compliance/driver.js";
import { complianceSuite } from "../compliance/suite.js";

const run =
  (file: string) =>
  (...words: string[]) =>
    execFileSync(file, words, { encoding: "utf8" });
const ip = run("ip");
const ipvsadm = run("ipvsadm");
const iptables = run("iptables-legacy");
const legacy = findIptables("legacy");

complianceSuite(kernelTest, {
  name: "ipvs",
  needs: ["ipvs", "iptables-legacy", "bridge"],
  endsUnpublished: false,
  sequences: 5,
  many: 5000,
  create() {
    if (typeof legacy === "string") throw new Error(legacy);
    return new FwmarkLoadBalancer(legacy, { balancesIpv6: true });
  },
  addForeign() {
    ipvsadm("-A", "-t", "10.98.0.1:80", "-s", "rr");
    ipvsadm("-a", "-t", "10.98.0.1:80", "-r", "10.98.0.2:80", "-m");
    ipvsadm("-A", "-f", "7", "-s", "rr");
    iptables("-t", "mangle", "-A", "OUTPUT", "-d", "10.98.0.1/32", "-j", "MARK", "--set-mark", "7");
    iptables("-A", "INPUT", "-s", "10.98.0.9/32", "-j", "DROP");
    ip("route", "add", "local", "10.98.0.1", "dev", "lo", "table", "local");
  },
  dump: () => ipvsadm("-Sn") + rules() + ip("route", "show", "table", "local"),
  tampering: {
    "interfaces answer for every address": () => writeFileSync("/proc/sys/net/ipv4/conf/all/arp_ignore", "0"),
    "IPVS no longer works with connection tracking": () => writeFileSync("/proc/sys/net/ipv4/vs/conntrack", "0"),
    "IPVS was cleared": () => ipvsadm("-C"),
    "one destination was removed": () => ipvsadm("-d", "-f", `${TAMPERED.mark}`, "-r", "10.77.0.11"),
    "one destination's weight was changed": () =>
      ipvsadm("-e", "-f", `${TAMPERED.mark}`, "-r", "10.77.0.11", "-m", "-w", "0"),
    "a destination was added": () => ipvsadm("-a", "-f", `${TAMPERED.mark}`, "-r", "10.77.0.99", "-m"),
    "the scheduler was changed": () => ipvsadm("-E", "-f", `${TAMPERED.mark}`, "-s", "wrr", "-p", "300"),
    "a service with a mark of our range was added": () => ipvsadm("-A", "-f", "4711", "-s", "rr"),
    "the mangle table was flushed": () => iptables("-t", "mangle", "-F"),
    "one mark rule was deleted": () => iptables("-t", "mangle", "-D", "TSWARM-LB-CALL", "1"),
    "the jump was deleted": () => iptables("-t", "mangle", "-D", "OUTPUT", "-j", "TSWARM-LB-CALL"),
    "a virtual address is marked for another service": () =>
      iptables("-t", "mangle", "-R", "TSWARM-LB-CALL", "1", "-d", TAMPERED.address, "-j", "MARK", "--set-mark", "301"),
    "the input no longer refuses": () => iptables("-F", "TSWARM-LB-REFUSE"),
    "the refusal lets pass": () => iptables("-I", "TSWARM-LB-NOW", "1", "-j", "ACCEPT"),
    "a route was deleted": () => ip("route", "del", "local", TAMPERED.address, "table", "local"),
  },
});

/** Rules without the counters, and without built-in chains that only an earlier use of the table shows. */
function rules(): string {
  return ["mangle", "filter"].map((table) => iptables("-t", table, "-S")).join("");
}
