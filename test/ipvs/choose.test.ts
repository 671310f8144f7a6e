import { readlinkSync } from "node:fs";
import { chooseLoadBalancer } from "../../ipvs/choose.js";
import { IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { kernelTest } from "../kernel/kernel-test.js";

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
