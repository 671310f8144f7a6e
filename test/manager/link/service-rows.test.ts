import test from "ava";
import { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { serviceRows } from "../../../src/manager/link/service-rows.js";

test("of a network of both families the row has the virtual address of IPv4: nodes carry no other", (t) => {
  const service = Service.fromPartial({
    id: "web",
    spec: { annotations: { name: "web" }, task: { networks: [{ target: "both" }] } },
    endpoint: {
      virtualIps: [
        { networkId: "both", addr: "10.0.1.2/24" },
        { networkId: "both", addr: "fd00:1::2/64" },
      ],
    },
  });
  t.deepEqual(
    serviceRows(service, undefined).map(({ networkId, virtualAddress }) => [networkId, virtualAddress]),
    [["both", "10.0.1.2"]],
  );
});
