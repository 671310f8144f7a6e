import { readlinkSync } from "node:fs";
import { chooseLoadBalancer } from "../../ipvs/choose.js";
import { IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { missingProbe } from "../kernel/probes.js";

function kernelHasIpvs(): boolean {
  using socket = IpvsSocket.open();
  return socket !== undefined;
}

const ipvs = kernelHasIpvs();

kernelTest(
  "IPVS where the kernel has it, else nf_tables, and says why not the other",
  { needs: ["load-balancer"] },
  (t) => {
    const choice = chooseLoadBalancer();
    t.is(choice.name, ipvs ? "ipvs" : "nftables");
    t.deepEqual(
      choice.refused.map(({ name }) => name),
      ipvs ? [] : ["ipvs"],
    );
    if (!ipvs) t.regex(choice.refused[0]!.reason, /no IPVS/);
    if (choice.name === "none") return t.fail("some driver works on every kernel that the tests run on");
    const [one, other] = [choice.create(), choice.create()];
    t.is(one.name, choice.name);
    t.not(one, other);
  },
);

kernelTest("IPv6 is balanced where the kernel can, and else the reason is said", { needs: ["load-balancer"] }, (t) => {
  const choice = chooseLoadBalancer();
  if (choice.name === "none") return t.fail("some driver works on every kernel that the tests run on");
  const obstacle = missingProbe(
    choice.name === "ipvs" ? ["ipv6", "ipvs-ipv6", "ip6tables-legacy"] : ["ipv6", "nftables-ipv6"],
  );
  t.is(choice.balancesIpv6, obstacle === undefined, choice.ipv6Refusal ?? "");
  t.is(choice.create().balancesIpv6, choice.balancesIpv6);
  t.is(choice.ipv6Refusal === undefined, choice.balancesIpv6);
});

kernelTest("a driver that is asked for is used, or none", { needs: ["load-balancer"] }, (t) => {
  t.is(chooseLoadBalancer({ only: "ipvs" }).name, ipvs ? "ipvs" : "none");
  const nftables = chooseLoadBalancer({ only: "nftables" });
  if (nftables.name === "none")
    t.deepEqual(
      nftables.refused.map(({ name }) => name),
      ["nftables"],
    );
  else t.is(nftables.name, "nftables");
});

kernelTest("choosing leaves the thread in its namespace", { needs: ["load-balancer"] }, (t) => {
  const before = readlinkSync("/proc/thread-self/ns/net");
  chooseLoadBalancer();
  t.is(readlinkSync("/proc/thread-self/ns/net"), before);
});
