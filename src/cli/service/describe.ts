import type { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  RestartPolicy_RestartCondition as Condition,
  UpdateConfig_FailureAction as FailureAction,
  UpdateConfig_UpdateOrder as Order,
  type RestartPolicy,
  type UpdateConfig,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../api/generated-json/tswarm/v1/process.js";
import type { NameOf } from "../names.js";
import type { PayloadTypes } from "../render/protobuf-json.js";
import type { Section } from "../render/sections.js";
import { enumWord, resourcesText } from "../render/words.js";
import { formatDuration } from "../values/duration.js";
import { fileText } from "./spec/files.js";
import { genericText } from "./spec/generic-resource.js";
import { healthText } from "./spec/health.js";
import { mountText } from "./spec/mounts.js";
import { ulimitText } from "./spec/rights.js";
import { PROCESS_TYPE_URL, processOf } from "./spec/runtime.js";

/** Payloads that JSON shows as objects. */
export const PAYLOADS: PayloadTypes = {
  [PROCESS_TYPE_URL]: (payload) => ProcessSpec.toJSON(ProcessSpec.decode(payload)),
};

/** What a task runs, in short: a command line, or an image. */
export function runtimeText(task: TaskSpec | undefined): string {
  const process = processOf(task);
  if (process !== undefined) return process.command.map(quote).join(" ");
  if (task?.runtime?.$case === "container") return task.runtime.value.image;
  return task?.runtime?.$case === "generic" ? task.runtime.value.kind : (task?.runtime?.$case ?? "");
}

/** `process`, `container`, or the kind of another runtime. */
export function runtimeName(task: TaskSpec | undefined): string {
  return task?.runtime?.$case === "generic" ? task.runtime.value.kind : (task?.runtime?.$case ?? "");
}

/** What a task runs and how. */
export function runtimeSections(task: TaskSpec | undefined): Section[] {
  const process = processOf(task);
  const container = task?.runtime?.$case === "container" ? task.runtime.value : undefined;
  const common = process ?? container;
  const dns = process
    ? { nameservers: process.dnsNameservers, search: process.dnsSearch, options: process.dnsOptions }
    : container?.dnsConfig;
  return [
    ["Runtime", runtimeName(task)],
    ["Image", container?.image ?? ""],
    ["Command", (process?.command ?? [...(container?.command ?? []), ...(container?.args ?? [])]).map(quote).join(" ")],
    ["Directory", common?.dir ?? ""],
    ["User", [common?.user, ...(common?.groups ?? [])].filter(Boolean).join(" ")],
    ["Hostname", common?.hostname ?? ""],
    ["Environment", common?.env ?? []],
    ["Stop signal", common?.stopSignal ?? ""],
    ["Stop grace period", common?.stopGracePeriod ? formatDuration(common.stopGracePeriod) : ""],
    ["Health check", healthText(common?.healthcheck)],
    ["Secrets", (common?.secrets ?? []).map(({ secretName, target }) => fileText(secretName, target?.value))],
    [
      "Configs",
      (common?.configs ?? []).map(({ configName, target }) =>
        fileText(configName, target?.$case === "file" ? target.value : undefined),
      ),
    ],
    ["Mounts", (common?.mounts ?? []).map(mountText)],
    ["Capabilities added", (common?.capabilityAdd ?? []).join(" ")],
    ["Capabilities dropped", (common?.capabilityDrop ?? []).join(" ")],
    ["Ulimits", (common?.ulimits ?? []).map(ulimitText)],
    ["Process limit", common && common.pidsLimit > 0 ? String(common.pidsLimit) : ""],
    ["Hosts", common?.hosts ?? []],
    [
      "DNS",
      dns
        ? [
            ...dns.nameservers,
            ...dns.search.map((one) => `search ${one}`),
            ...dns.options.map((one) => `option ${one}`),
          ]
        : [],
    ],
  ];
}

/** Everything else of a task's specification. */
export function taskSpecSections(task: TaskSpec | undefined, networkOf: NameOf): Section[] {
  const placement = task?.placement;
  return [
    [
      "Networks",
      (task?.networks ?? []).map(({ target, aliases }) =>
        [networkOf(target), ...aliases.map((alias) => `alias=${alias}`)].join(" "),
      ),
    ],
    ["Limits", resourcesText(task?.resources?.limits)],
    [
      "Reservations",
      [resourcesText(task?.resources?.reservations), ...(task?.resources?.reservations?.generic ?? []).map(genericText)]
        .filter(Boolean)
        .join(", "),
    ],
    [
      "Placement",
      [
        ...(placement?.constraints ?? []),
        ...(placement?.preferences ?? []).map(({ Preference }) => `spread=${Preference?.value.spreadDescriptor}`),
        ...(placement && placement.maxReplicas > 0 ? [`at most ${placement.maxReplicas} on a node`] : []),
      ],
    ],
    ["Restart", restartText(task?.restart)],
  ];
}

function restartText(restart: RestartPolicy | undefined): string {
  if (restart === undefined) return "";
  const parts = [enumWord(Condition, restart.condition).replaceAll(" ", "-")];
  if (restart.delay) parts.push(`delay ${formatDuration(restart.delay)}`);
  if (restart.maxAttempts > 0) parts.push(`at most ${restart.maxAttempts} attempts`);
  if (restart.window) parts.push(`window ${formatDuration(restart.window)}`);
  return parts.join(", ");
}

/** One line on how updates (or rollbacks) go; empty when the cluster's defaults hold. */
export function updateText(update: UpdateConfig | undefined): string {
  if (update === undefined) return "";
  const parts = [
    update.parallelism === 0 ? "all at once" : `${update.parallelism} at once`,
    enumWord(Order, update.order).replaceAll(" ", "-"),
    `on failure ${enumWord(FailureAction, update.failureAction)}`,
  ];
  if (update.delay) parts.push(`delay ${formatDuration(update.delay)}`);
  if (update.monitor) parts.push(`monitor ${formatDuration(update.monitor)}`);
  if (update.maxFailureRatio > 0) parts.push(`max failure ratio ${Number(update.maxFailureRatio.toFixed(4))}`);
  return parts.join(", ");
}

/** Quotes a word of a command line as a shell wants it, when it needs it. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
