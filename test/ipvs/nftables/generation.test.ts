/** What the ruleset's generation tells the nf_tables driver. */
import { execFileSync } from "node:child_process";
import { NftablesLoadBalancer } from "../../../ipvs/nftables/driver.js";
import { addAddress, RouteSocket, setLink } from "../../../native-bindings/route/index.js";
import { inNewNetworkNamespace } from "../../../native-bindings/thread-namespace.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { drifted } from "../compliance/driver.js";
import { A, B, SOURCE, web } from "../services.js";

/** By its path: a package of the same name puts another program in front when tests run by npx. */
const nft = (...words: string[]) => execFileSync("/usr/sbin/nft", words, { encoding: "utf8" });

function inBox(work: () => void): void {
  inNewNetworkNamespace(() => {
    using socket = RouteSocket.open();
    socket.execute(setLink({ name: "lo" }, { up: true }));
    socket.execute(addAddress({ linkIndex: socket.linkIndex("lo"), address: SOURCE, prefixLength: 32 }));
    work();
  });
}

kernelTest("apply alone mends the table after somebody wrote to the ruleset", { needs: ["nftables"] }, (t) => {
  inBox(() => {
    const balancer = new NftablesLoadBalancer({ balancesIpv6: true });
    const wanted = [web(300, { [A]: 1, [B]: 1 }), web(301, { [A]: 1 })];
    balancer.apply(wanted);
    for (const damage of [
      () => nft("flush", "ruleset"),
      () => nft("delete", "element", "ip", "tswarm-lb", "virtual-services", "{ 10.99.0.0 }"),
    ]) {
      damage();
      t.true(balancer.apply(wanted).changed > 0);
      t.deepEqual(drifted(new NftablesLoadBalancer({ balancesIpv6: true }).observe(wanted)), []);
      t.is(balancer.apply(wanted).changed, 0);
    }
  });
});

kernelTest("a change of somebody else's table is looked at and costs no write", { needs: ["nftables"] }, (t) => {
  inBox(() => {
    const balancer = new NftablesLoadBalancer({ balancesIpv6: true });
    const wanted = [web(300, { [A]: 1 })];
    balancer.apply(wanted);
    nft("add", "table", "ip", "theirs");
    t.is(balancer.apply(wanted).changed, 0);
    nft("delete", "table", "ip", "theirs");
    t.true(balancer.apply([web(300, { [B]: 1 })]).changed > 0);
    t.deepEqual(drifted(balancer.observe([web(300, { [B]: 1 })])), []);
  });
});

kernelTest(
  "an unchanged generation is believed, a list that was never applied is not",
  { needs: ["nftables"] },
  (t) => {
    inBox(() => {
      const balancer = new NftablesLoadBalancer({ balancesIpv6: true });
      const wanted = [web(300, { [A]: 1 })];
      balancer.apply(wanted);
      t.deepEqual(drifted(balancer.observe(wanted)), []);
      t.deepEqual(drifted(balancer.observe([web(300, { [B]: 1 })])), [`web300 ${B} missing`, `web300 ${A} extra`]);
      t.deepEqual(drifted(balancer.observe([])).length > 0, true);
      t.deepEqual(drifted(balancer.observe(wanted)), []);
    });
  },
);
