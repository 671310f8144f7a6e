import type { ServiceSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { NetworkAttachmentConfig } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import { FlagReader, nonEmpty } from "../../flag-reader.js";
import { oneOf } from "../../values/amount.js";
import { type NetworkFlag, parseNetworkFlag } from "../../values/network-attachment.js";
import { parseEnv, parseLabels } from "../../values/pair.js";
import { parsePortSelector, parsePublish } from "../../values/port.js";
import { readBehaviourLabels } from "./behaviour.js";
import { editEndpoint } from "./endpoint.js";
import { type FileFlag, type Files, parseFileFlag } from "./files.js";
import { readListEdits } from "./lists.js";
import { readModeEdit } from "./mode.js";
import { readPlacementEdit } from "./placement.js";
import { readResourceEdit, readRestartEdit, readUpdateEdit } from "./policy.js";
import { editRuntime, type RuntimeEdit, readRuntimeFlags } from "./runtime.js";

/** A change of a service, checked as far as it can be without the service. */
export interface ServiceUpdate {
  /** Networks that its flags name, to be looked up before it is applied. */
  readonly networksToAdd: readonly NetworkFlag[];
  readonly networksToRemove: readonly string[];
  readonly secretsToAdd: readonly FileFlag[];
  readonly configsToAdd: readonly FileFlag[];
  /**
   * The service as it shall be.
   * @param added attachments of `networksToAdd`, with the networks' ids
   * @param removed ids of `networksToRemove`
   * @param files references of what is to be added
   * @throws UsageError when the change does not fit the service
   */
  apply(
    spec: ServiceSpec,
    added: readonly NetworkAttachmentConfig[],
    removed: readonly string[],
    files?: Files,
  ): ServiceSpec;
}

const NOT_CHANGES = new Set(["resolve", "socket", "format", "timeout", "detach", "quiet", "verify", "rollback"]);

/** True when a flag or argument asks for a change. */
export function asksForChange(values: Readonly<Record<string, unknown>>, command: readonly string[]): boolean {
  const isChange = (name: string) => !NOT_CHANGES.has(name) && values[name] !== undefined;
  return command.length > 0 || Object.keys(values).some((name) => isChange(name) && !isLeftOut(name, values[name]));
}

/** Without --no-healthcheck it is true. */
function isLeftOut(name: string, value: unknown): boolean {
  return name === "healthcheck" && value === true;
}

/**
 * Reads the command line of `service update`.
 * @param command COMMAND ARG… after the service, empty when it stays
 * @throws UsageError
 */
export function readServiceUpdate(
  values: Readonly<Record<string, unknown>>,
  command: readonly string[],
  ownEnv: Readonly<Record<string, string | undefined>>,
): ServiceUpdate {
  const flags = new FlagReader(values);
  const runtime: RuntimeEdit = {
    ...readRuntimeFlags(flags),
    lists: readListEdits(flags),
    ...(command.length > 0 ? { command } : {}),
    ...(flags.has("--image") ? { image: flags.value("--image", nonEmpty) } : {}),
    envAdd: parseEnv(flags.texts("--env-add"), "--env-add", ownEnv),
    envRemove: flags.values("--env-rm", nonEmpty),
  };
  const endpoint = {
    mode: flags.value("--endpoint-mode", oneOf("vip", "dnsrr")),
    publish: flags.texts("--publish-add").flatMap((text) => parsePublish(text, "--publish-add")),
    unpublish: flags.texts("--publish-rm").flatMap((text) => parsePortSelector(text, "--publish-rm")),
  };
  const labelsToAdd = { ...parseLabels(flags.texts("--label-add"), "--label-add"), ...readBehaviourLabels(flags) };
  const labelsToRemove = flags.values("--label-rm", nonEmpty);
  const mode = readModeEdit(flags);
  const placement = readPlacementEdit(flags);
  const secretsToRemove = flags.values("--secret-rm", nonEmpty);
  const configsToRemove = flags.values("--config-rm", nonEmpty);
  const resources = readResourceEdit(flags);
  const restart = readRestartEdit(flags);
  const update = readUpdateEdit(flags, "update");
  const rollback = readUpdateEdit(flags, "rollback");
  return {
    networksToAdd: flags.values("--network-add", parseNetworkFlag),
    networksToRemove: flags.values("--network-rm", nonEmpty),
    secretsToAdd: flags.values("--secret-add", parseFileFlag),
    configsToAdd: flags.values("--config-add", parseFileFlag),
    apply(spec, added, removed, { secrets, configs } = { secrets: [], configs: [] }) {
      const files = {
        secrets: { add: secrets, remove: secretsToRemove },
        configs: { add: configs, remove: configsToRemove },
      };
      const task = spec.task ?? refuseTaskless();
      return {
        ...spec,
        annotations: {
          name: spec.annotations?.name ?? "",
          indices: spec.annotations?.indices ?? [],
          labels: editLabels(spec.annotations?.labels ?? {}, labelsToAdd, labelsToRemove),
        },
        task: {
          ...task,
          runtime: editRuntime(task, { ...runtime, files }),
          resources: resources(task.resources),
          restart: restart(task.restart),
          placement: placement(task.placement),
          networks: editNetworks(task.networks, added, removed),
          forceUpdate: task.forceUpdate + (flags.isSet("--force") ? 1 : 0),
        },
        mode: mode(spec),
        update: update(spec.update),
        rollback: rollback(spec.rollback),
        endpoint: editEndpoint(spec.endpoint, endpoint, "--publish-add"),
      };
    },
  };
}

function editNetworks(
  current: readonly NetworkAttachmentConfig[],
  added: readonly NetworkAttachmentConfig[],
  removed: readonly string[],
): NetworkAttachmentConfig[] {
  for (const id of removed) {
    if (!current.some(({ target }) => target === id)) {
      throw new UsageError("--network-rm: the service is not on that network");
    }
  }
  const replaced = new Set(added.map(({ target }) => target));
  return [...current.filter(({ target }) => !removed.includes(target) && !replaced.has(target)), ...added];
}

function editLabels(
  current: Readonly<Record<string, string>>,
  add: Readonly<Record<string, string>>,
  remove: readonly string[],
): Record<string, string> {
  const labels = { ...current };
  for (const key of remove) {
    if (!Object.hasOwn(labels, key)) throw new UsageError(`--label-rm: the service has no label ${key}`);
    delete labels[key];
  }
  return { ...labels, ...add };
}

function refuseTaskless(): never {
  throw new UsageError("the service has no task specification: it cannot be changed from here");
}
