/** Tasks as an orchestrator makes them: those of a service share its specification. */
import { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { Annotations, TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { Any } from "../../src/api/generated/google/protobuf/any.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { newObjectId } from "../../src/store/object-id.js";
import { systemRandom } from "../../src/store/system-random.js";

const SERVICES = 100;

const specs = Array.from({ length: SERVICES }, (_, number) =>
  TaskSpec.fromPartial({
    runtime: {
      $case: "generic",
      value: {
        kind: "process",
        payload: Any.fromPartial({
          typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
          value: Buffer.from(
            ProcessSpec.encode(
              ProcessSpec.fromPartial({ command: ["/usr/bin/server", `--service=${number}`] }),
            ).finish(),
          ),
        }),
      },
    },
  }),
);

const serviceIds = specs.map((_, number) => `service${number}`.padEnd(25, "0"));
const annotations = specs.map((_, number) => Annotations.fromPartial({ name: `service-${number}` }));

const BLANK = Task.fromPartial({
  desiredState: TaskState.RUNNING,
  status: { state: TaskState.NEW, message: "created" },
});

export function newTask(number: number): Task {
  const service = number % SERVICES;
  return {
    ...BLANK,
    id: newObjectId(systemRandom),
    serviceId: serviceIds[service]!,
    slot: number + 1,
    spec: specs[service]!,
    serviceAnnotations: annotations[service]!,
  };
}
