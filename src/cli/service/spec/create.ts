import { type ServiceSpec, ServiceSpec as ServiceSpecCodec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { NetworkAttachmentConfig } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import { FlagReader } from "../../flag-reader.js";
import { oneOf } from "../../values/amount.js";
import { type NetworkFlag, parseNetworkFlag } from "../../values/network-attachment.js";
import { parseEnv, parseLabels, readEnvFile } from "../../values/pair.js";
import { parsePublish } from "../../values/port.js";
import { parseName } from "../../values/text.js";
import { readBehaviourLabels } from "./behaviour.js";
import { editEndpoint } from "./endpoint.js";
import { type FileFlag, type Files, parseFileFlag } from "./files.js";
import { readMode } from "./mode.js";
import { readPlacement } from "./placement.js";
import { readResourceEdit, readRestartEdit, readUpdateEdit } from "./policy.js";
import {
  editRuntime,
  emptyContainer,
  emptyProcess,
  processRuntime,
  type RuntimeEdit,
  readRuntimeFlags,
} from "./runtime.js";

/** A service as asked for; its networks, secrets and configs are still names. */
export interface ServiceDraft {
  readonly spec: ServiceSpec;
  readonly networks: readonly NetworkFlag[];
  readonly secrets: readonly FileFlag[];
  readonly configs: readonly FileFlag[];
}

/**
 * Reads the command line of `service create`.
 * @param args COMMAND ARG… of a process, IMAGE ARG… of a container
 * @param ownEnv for `--env NAME` without a value
 * @throws UsageError
 */
export function draftService(
  values: Readonly<Record<string, unknown>>,
  args: readonly string[],
  ownEnv: Readonly<Record<string, string | undefined>>,
): ServiceDraft {
  const flags = new FlagReader(values);
  const runtime = flags.value("--runtime", oneOf("process", "container")) ?? "process";
  if (args.length === 0) {
    throw new UsageError(
      runtime === "process"
        ? "nothing to run: give the command after the flags, such as -- node server.js"
        : "nothing to run: give the image after the flags",
    );
  }
  if (args[0] === "") throw new UsageError("nothing to run: the first argument is empty");
  const name = flags.value("--name", parseName);
  if (name === undefined) throw new UsageError("--name: a service needs a name (flags stand before the command)");
  const networks = flags.values("--network", parseNetworkFlag);
  const publish = flags.texts("--publish").flatMap((text) => parsePublish(text, "--publish"));
  const mode = flags.value("--endpoint-mode", oneOf("vip", "dnsrr"));
  const spec = ServiceSpecCodec.fromPartial({
    annotations: { name, labels: { ...parseLabels(flags.texts("--label"), "--label"), ...readBehaviourLabels(flags) } },
    task: {},
  });
  return {
    networks,
    secrets: flags.values("--secret", parseFileFlag),
    configs: flags.values("--config", parseFileFlag),
    spec: {
      ...spec,
      task: {
        ...spec.task!,
        runtime: buildRuntime(runtime, args, readEnv(flags, ownEnv), flags),
        resources: readResourceEdit(flags)(undefined),
        placement: readPlacement(flags),
        restart: readRestartEdit(flags)(undefined),
      },
      mode: readMode(flags),
      update: readUpdateEdit(flags, "update")(undefined),
      rollback: readUpdateEdit(flags, "rollback")(undefined),
      endpoint: editEndpoint(undefined, { mode, publish, unpublish: [] }, "--publish"),
    },
  };
}

/** The draft's specification with what was looked up for it. */
export function completeDraft(
  { spec }: ServiceDraft,
  networks: readonly NetworkAttachmentConfig[],
  { secrets, configs }: Files,
): ServiceSpec {
  const files = { secrets: { add: secrets, remove: [] }, configs: { add: configs, remove: [] } };
  const runtime = editRuntime(spec.task!, { envAdd: [], envRemove: [], files });
  return { ...spec, task: { ...spec.task!, runtime, networks } };
}

function buildRuntime(
  runtime: "process" | "container",
  args: readonly string[],
  envAdd: readonly string[],
  flags: FlagReader,
) {
  const edit: RuntimeEdit = { ...readRuntimeFlags(flags), envAdd, envRemove: [] };
  const task = ServiceSpecCodec.fromPartial({ task: {} }).task!;
  if (runtime === "process") {
    return editRuntime({ ...task, runtime: processRuntime(emptyProcess()) }, { ...edit, command: args });
  }
  const [image, ...command] = args;
  return editRuntime(
    { ...task, runtime: { $case: "container", value: emptyContainer() } },
    { ...edit, image, command },
  );
}

function readEnv(flags: FlagReader, ownEnv: Readonly<Record<string, string | undefined>>): string[] {
  const fromFiles = flags.texts("--env-file").flatMap((path) => {
    return parseEnv(readEnvFile(path, "--env-file"), `--env-file ${path}`, ownEnv);
  });
  return parseEnv([...fromFiles, ...flags.texts("--env")], "--env", ownEnv);
}
