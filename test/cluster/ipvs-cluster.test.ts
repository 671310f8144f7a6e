/** A cluster of three hosts on a kernel with IPVS: its sandboxes look as Docker Swarm's do to ipvsadm and iptables. */
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { readAnswers } from "../../scripts/demo/answers.js";
import { sandboxOfTask } from "../../scripts/demo/task-process.js";
import { Cluster } from "../../scripts/fabric/cluster.js";
import { kernelTest } from "../kernel/kernel-test.js";

const DEMO = resolve(import.meta.dirname, "../../../scripts/demo");

kernelTest(
  "with IPVS a published port answers on every node, by fwmark services with masquerading",
  { needs: ["ipvs", "vxlan"] },
  async (t) => {
    t.timeout(540_000);
    const cluster = await Cluster.start({
      tag: `i${process.pid % 10000}`,
      hosts: ["host1", "host2", "host3"],
      clients: ["client"],
      daemonArguments: ["--load-balancer", "ipvs"],
      timeoutMs: 120_000,
    });
    try {
      cluster.control(["network", "create", "shop"]);
      cluster.control([
        ...["service", "create", "--name", "web", "--replicas", "3", "--network", "shop", "--publish", "8080:80"],
        ...["--env", "TASK_NAME={{.Task.Name}}", "--", process.execPath, join(DEMO, "web-server.mjs")],
      ]);
      cluster.control(["service", "create", "--name", "probe", "--network", "shop", "--", "sleep", "infinity"]);
      for (const host of cluster.hosts) {
        const url = `http://${host.address}:8080/`;
        const results = readAnswers(cluster.run("client", [process.execPath, join(DEMO, "requests.mjs"), url, "12"]));
        t.deepEqual(
          results.filter((result) => result.error !== undefined),
          [],
          host.name,
        );
        const counts = groups(results.map((one) => one.answer)).map((one) => one.length);
        t.deepEqual(counts, [4, 4, 4], `${host.name}: round robin gives each replica the same`);
        t.true(
          results.every((result) => result.answer?.endsWith(` ${cluster.host("client").address}`)),
          "the client's own address",
        );
      }
      const inside = (namespace: string, ...command: string[]) =>
        execFileSync("nsenter", [`--net=/run/netns/${namespace}`, "--", ...command], { encoding: "utf8" });

      const nodeId = cluster.nodeId("host2").slice(0, 8);
      const ingress = `tsw-${nodeId}-sbx-ingress`;
      const services = inside(ingress, "ipvsadm", "-ln");
      t.log(services);
      t.regex(services, /FWM\s+\d+ rr\n(\s+-> 10\.0\.0\.\d+:0\s+Masq\s+1\s+\d+\s+\d+\s*\n){3}/);
      const marks = inside(ingress, "iptables", "-t", "mangle", "-nvL");
      t.log(marks);
      t.regex(marks, /tcp dpt:8080.*MARK set 0x[0-9a-f]+/);

      const [probe] = JSON.parse(cluster.control(["service", "ps", "probe", "--format", "json"])) as { id: string }[];
      const [web] = JSON.parse(cluster.control(["service", "inspect", "web", "--format", "json"])) as {
        endpoint: { virtualIps: { addr: string }[] };
      }[];
      const sandbox = sandboxOfTask(probe!.id);
      const mangle = inside(sandbox, "iptables", "-t", "mangle", "-nvL");
      t.log(inside(sandbox, "ipvsadm", "-ln"));
      t.log(mangle);
      const addresses = web!.endpoint.virtualIps.map(({ addr }) => addr.split("/")[0]!);
      t.true(
        addresses.some((address) => new RegExp(`${address.replaceAll(".", "\\.")}.*MARK set 0x[0-9a-f]+`).test(mangle)),
        "the mark is set on the virtual address",
      );
      t.regex(cluster.control(["node", "inspect", "host1"]), /ipvs/);
      await cluster.until("nothing drifted", () => /no drift/i.test(cluster.control(["net", "inspect", "shop"])));
    } catch (error) {
      t.log(cluster.logs());
      throw error;
    } finally {
      await cluster.remove();
    }
  },
);

function groups(values: readonly (string | undefined)[]): readonly (readonly (string | undefined)[])[] {
  const byValue = new Map<string | undefined, (string | undefined)[]>();
  for (const value of values) byValue.set(value, [...(byValue.get(value) ?? []), value]);
  return [...byValue.values()];
}
