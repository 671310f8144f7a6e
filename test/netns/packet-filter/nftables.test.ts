import { NftSocket } from "../../../native-bindings/nftables/socket.js";
import { createNamespace, inNamespace, removeNamespace } from "../../../netns/namespace.js";
import { NftablesFilter } from "../../../netns/packet-filter/nftables-filter.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { packetFilterCompliance } from "./compliance.js";

packetFilterCompliance("nftables");

const mark = (key: string, value: number): PacketRules[number] => ({
  key,
  hook: "prerouting",
  match: {},
  action: { kind: "mark", value },
});

kernelTest(
  "chains stay at their hooks while their rules change, and two tables keep apart",
  { needs: ["nftables"] },
  (t) => {
    const namespace = createNamespace(`tsw-pfn${process.pid}`);
    try {
      inNamespace(namespace, () => {
        using socket = NftSocket.open();
        const ours = new NftablesFilter();
        const other = new NftablesFilter({ table: "tswarm-lb" });
        const handles = () => socket.chains("ip").map(({ table, name, handle }) => `${table} ${name} ${handle}`);
        ours.apply([mark("a", 1)]);
        other.apply([mark("a", 2)]);
        const before = handles();
        t.is(before.length, 2);
        ours.apply([mark("b", 1), mark("c", 2)]);
        t.deepEqual(handles(), before);
        const generation = socket.generation();
        ours.apply([mark("b", 1), mark("c", 2)]);
        t.is(socket.generation(), generation, "nothing is written when nothing differs");
        ours.clear();
        t.deepEqual(
          socket.tables().map(({ table }) => table),
          ["tswarm-lb"],
        );
        t.is(other.observe([mark("a", 2)])[0]?.state, "present");
      });
    } finally {
      namespace.close();
      removeNamespace(namespace.name);
    }
  },
);
