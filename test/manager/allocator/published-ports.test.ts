import { readFileSync } from "node:fs";
import test from "ava";
import {
  PortConfig,
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { AllocationError } from "../../../src/manager/allocator/allocation-error.js";
import { PublishedPorts } from "../../../src/manager/allocator/published-ports.js";

interface VectorPort {
  readonly name?: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly target_port: number;
  readonly published_port: number;
  readonly publish_mode: "ingress" | "host";
}

interface VectorStep {
  readonly op: "allocate" | "deallocate";
  readonly service: string;
  readonly spec_ports?: readonly VectorPort[];
  readonly nil_endpoint_spec?: boolean;
}

interface VectorCase {
  readonly name: string;
  readonly input: { readonly steps?: readonly VectorStep[]; readonly repeat_allocate_one_dynamic_tcp_port?: number };
  readonly expected: {
    readonly after_each_step?: readonly { readonly ok: boolean; readonly endpoint_ports: readonly VectorPort[] }[];
    readonly first?: number;
    readonly last?: number;
    readonly successes?: number;
  };
}

const file = new URL("../../../../test/data/vectors/port_allocator.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: readonly VectorCase[] };

const toConfig = (port: VectorPort) =>
  PortConfig.fromPartial({
    name: port.name ?? "",
    protocol: Protocol[port.protocol],
    targetPort: port.target_port,
    publishedPort: port.published_port,
    publishMode: port.publish_mode === "host" ? PublishMode.HOST : PublishMode.INGRESS,
  });

for (const { name, input, expected } of cases.filter(({ input }) => input.steps)) {
  test(`ports as the reference gives them: ${name}`, (t) => {
    const ports = new PublishedPorts();
    const current = new Map<string, readonly PortConfig[]>();
    for (const [index, step] of input.steps!.entries()) {
      const outcome = expected.after_each_step![index]!;
      if (step.op === "deallocate") {
        ports.release(step.service);
        current.delete(step.service);
      } else {
        const wanted = step.nil_endpoint_spec ? undefined : (step.spec_ports ?? []).map(toConfig);
        const allocate = () => ports.allocate(step.service, wanted, current.get(step.service) ?? []);
        if (outcome.ok) current.set(step.service, allocate());
        else t.throws(allocate, { instanceOf: AllocationError });
      }
      t.deepEqual(current.get(step.service) ?? [], outcome.endpoint_ports.map(toConfig), `step ${index + 1}`);
    }
  });
}

test("the dynamic range is used to its end, and one freed port is found again", (t) => {
  const { input, expected } = cases.find(({ input }) => input.repeat_allocate_one_dynamic_tcp_port)!;
  const ports = new PublishedPorts();
  const one = [PortConfig.fromPartial({ targetPort: 80 })];
  const numbers: number[] = [];
  const error = t.throws(
    () => {
      for (let i = 0; i < input.repeat_allocate_one_dynamic_tcp_port!; i++) {
        numbers.push(...ports.allocate(`s${i}`, one, []).map(({ publishedPort }) => publishedPort));
      }
    },
    { instanceOf: AllocationError },
  );
  t.is(error?.message, "no TCP port is left in 30000–32767");
  t.is(numbers.length, expected.successes!);
  t.is(numbers[0], expected.first);
  t.is(numbers.at(-1), expected.last);
  t.is(new Set(numbers).size, numbers.length);
  ports.release("s1000");
  t.is(ports.allocate("again", one, [])[0]!.publishedPort, 31_000);
});

test("restored ports are not given out, and a conflict names the other service", (t) => {
  const ports = new PublishedPorts();
  ports.restore("a", [PortConfig.fromPartial({ targetPort: 80, publishedPort: 30_000 })]);
  t.is(ports.allocate("b", [PortConfig.fromPartial({ targetPort: 80 })], [])[0]!.publishedPort, 30_001);
  t.throws(() => ports.allocate("b", [PortConfig.fromPartial({ targetPort: 80, publishedPort: 30_000 })], []), {
    message: "port 30000/tcp is already published by service a",
  });
});
