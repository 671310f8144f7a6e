import {
  type ContainerSpec,
  ContainerSpec as ContainerSpecCodec,
  type TaskSpec,
} from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { Duration } from "../../../api/generated/google/protobuf/duration.js";
import { type ProcessSpec, ProcessSpec as ProcessSpecCodec } from "../../../api/generated/tswarm/v1/process.js";
import { isSignal } from "../../../api/process-rules.js";
import { CommandError, UsageError } from "../../failure.js";
import { type FlagReader, nonEmpty } from "../../flag-reader.js";
import { parseAddress, parseHost } from "../../values/address.js";
import { parseWhole } from "../../values/amount.js";
import { parseDuration } from "../../values/duration.js";
import { splitPair } from "../../values/pair.js";
import { parseDirectory, parseHostname, parseSignal, parseUser } from "../../values/text.js";
import { editFiles, type FileEdit } from "./files.js";
import { type HealthEdit, readHealthEdit } from "./health.js";
import { asksForDns, asksForLists, editLists, type ListEdits } from "./lists.js";
import { editMounts, type MountEdit, readMountEdit } from "./mounts.js";
import { editRights, type RightsEdit, readRightsEdit } from "./rights.js";

export const PROCESS_KIND = "process";
export const PROCESS_TYPE_URL = "type.googleapis.com/tswarm.v1.ProcessSpec";

/** What a person asks of the command that a service runs, whatever runs it. Absent fields stay as they are. */
export interface RuntimeEdit {
  /** The program and its arguments; for a container its arguments. */
  readonly command?: readonly string[];
  readonly image?: string;
  readonly envAdd: readonly string[];
  readonly envRemove: readonly string[];
  readonly dir?: string;
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly hostname?: string;
  readonly stopSignal?: string;
  readonly stopGracePeriod?: Duration;
  readonly pidsLimit?: number;
  readonly hosts?: readonly string[];
  readonly dnsNameservers?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** Changes of lists that are not replaced as a whole. */
  readonly lists?: ListEdits;
  readonly health?: HealthEdit;
  readonly files?: FileEdit;
  readonly mounts?: MountEdit;
  readonly rights?: RightsEdit;
}

/** Reads the flags that create and update share. @throws UsageError */
export function readRuntimeFlags(flags: FlagReader): Omit<RuntimeEdit, "envAdd" | "envRemove"> {
  if (flags.has("--dir")) flags.refuse(["--workdir"], "it is another name of --dir: leave one of them out");
  return withoutUndefined({
    health: readHealthEdit(flags),
    mounts: readMountEdit(flags),
    rights: readRightsEdit(flags),
    dir: flags.value("--dir", parseDirectory) ?? flags.value("--workdir", parseDirectory),
    user: flags.value("--user", parseUser),
    groups: flags.valuesIfGiven("--group", nonEmpty),
    hostname: flags.value("--hostname", parseHostname),
    stopSignal: flags.value("--stop-signal", parseSignal),
    stopGracePeriod: flags.value("--stop-grace-period", parseDuration),
    pidsLimit: flags.value("--limit-pids", parseWhole),
    hosts: flags.valuesIfGiven("--host", parseHost),
    dnsNameservers: flags.valuesIfGiven("--dns", parseAddress),
    dnsSearch: flags.valuesIfGiven("--dns-search", nonEmpty),
    dnsOptions: flags.valuesIfGiven("--dns-option", nonEmpty),
  });
}

export function emptyProcess(): ProcessSpec {
  return ProcessSpecCodec.fromPartial({});
}

export function emptyContainer(): ContainerSpec {
  return ContainerSpecCodec.fromPartial({});
}

/** The process that a task runs; undefined when it runs something else. @throws CommandError when the payload is malformed */
export function processOf(task: TaskSpec | undefined): ProcessSpec | undefined {
  if (task?.runtime?.$case !== "generic" || task.runtime.value.kind !== PROCESS_KIND) return undefined;
  const payload = task.runtime.value.payload;
  if (payload === undefined || payload.typeUrl !== PROCESS_TYPE_URL) return undefined;
  try {
    return ProcessSpecCodec.decode(payload.value);
  } catch (error) {
    throw new CommandError(`the service's process specification cannot be read: ${(error as Error).message}`);
  }
}

export function processRuntime(process: ProcessSpec): NonNullable<TaskSpec["runtime"]> {
  const value = Buffer.from(ProcessSpecCodec.encode(process).finish());
  return { $case: "generic", value: { kind: PROCESS_KIND, payload: { typeUrl: PROCESS_TYPE_URL, value } } };
}

/** The runtime of a task with the edit applied. @throws UsageError when the edit does not fit the runtime */
export function editRuntime(task: TaskSpec, edit: RuntimeEdit): TaskSpec["runtime"] {
  const process = processOf(task);
  if (process !== undefined) return processRuntime(editProcess(process, edit));
  if (task.runtime?.$case === "container")
    return { $case: "container", value: editContainer(task.runtime.value, edit) };
  if (isEmptyEdit(edit)) return task.runtime;
  throw new UsageError("the service runs neither a process nor a container: its command cannot be changed from here");
}

function editProcess(process: ProcessSpec, edit: RuntimeEdit): ProcessSpec {
  const { image, envAdd, envRemove, lists, health, files, mounts, rights, ...rest } = edit;
  if (edit.stopSignal !== undefined && !isSignal(edit.stopSignal)) {
    throw new UsageError(
      `--stop-signal: ${edit.stopSignal} is a real-time signal, which no process is stopped by here`,
    );
  }
  if (image !== undefined) throw new UsageError("--image: the service runs a process, it has no image");
  return {
    ...process,
    ...rest,
    ...editLists({ ...process, ...rest }, lists),
    ...editFiles(process, files),
    ...(rights ? editRights(process, rights) : {}),
    mounts: mounts ? editMounts(process.mounts, mounts, true) : process.mounts,
    healthcheck: health ? health(process.healthcheck, false) : process.healthcheck,
    env: editEnv(process.env, envAdd, envRemove),
  };
}

function editContainer(container: ContainerSpec, edit: RuntimeEdit): ContainerSpec {
  const { command, envAdd, envRemove, dnsNameservers, dnsSearch, dnsOptions, lists, ...others } = edit;
  const { health, files, mounts, rights, ...rest } = others;
  const dns = withoutUndefined({ nameservers: dnsNameservers, search: dnsSearch, options: dnsOptions });
  const before = { ...(container.dnsConfig ?? { nameservers: [], search: [], options: [] }), ...dns };
  const {
    groups,
    hosts,
    dnsNameservers: nameservers,
    dnsSearch: search,
    dnsOptions: options,
  } = editLists(
    {
      groups: rest.groups ?? container.groups,
      hosts: rest.hosts ?? container.hosts,
      dnsNameservers: before.nameservers,
      dnsSearch: before.search,
      dnsOptions: before.options,
    },
    lists,
  );
  const hasDns = Object.keys(dns).length > 0 || asksForDns(lists);
  return {
    ...container,
    ...rest,
    groups,
    hosts,
    ...editFiles(container, files),
    ...(rights ? editRights(container, rights) : {}),
    mounts: mounts ? editMounts(container.mounts, mounts, false) : container.mounts,
    healthcheck: health ? health(container.healthcheck, true) : container.healthcheck,
    args: command ?? container.args,
    env: editEnv(container.env, envAdd, envRemove),
    dnsConfig: hasDns ? { nameservers, search, options } : container.dnsConfig,
  };
}

function editEnv(env: readonly string[], add: readonly string[], remove: readonly string[]): string[] {
  const values = new Map(env.map((text) => [splitPair(text)[0], text]));
  for (const name of remove) {
    if (!values.delete(name)) throw new UsageError(`--env-rm: the service has no environment variable ${name}`);
  }
  for (const text of add) values.set(splitPair(text)[0], text);
  return [...values.values()];
}

function isEmptyEdit({ envAdd, envRemove, lists, files, mounts, rights, ...rest }: RuntimeEdit): boolean {
  const changes = [
    envAdd,
    envRemove,
    ...[files?.secrets, files?.configs, mounts, rights?.ulimits].flatMap((edit) =>
      edit ? [edit.add, edit.remove] : [],
    ),
    ...(rights ? [rights.capabilityAdd, rights.capabilityDrop] : []),
  ];
  return (
    changes.every((list) => list.length === 0) &&
    !asksForLists(lists) &&
    Object.keys(withoutUndefined(rest)).length === 0
  );
}

/** Leaves out what is undefined, so that spreading the rest over an object keeps its own values. */
export function withoutUndefined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
