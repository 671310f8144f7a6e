/** The secrets and configs that a task is given as files. Texts are SwarmKit's. */
import type { TaskSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { FileTarget } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { CONFIGS_FOLDER, SECRETS_FOLDER, whyNoTarget } from "../../../api/process-rules.js";
import { invalidArgument } from "../../../api/status-error.js";
import type { StoreReader } from "../../../store/reader.js";
import { type FileReferences, filesOf } from "../../task-references.js";

interface Reference {
  readonly kind: "secret" | "config";
  readonly id: string;
  readonly name: string;
  /** Undefined for a config that the runtime itself takes. */
  readonly file: FileTarget | undefined;
  readonly hasTarget: boolean;
}

/** @throws StatusError (INVALID_ARGUMENT) */
export function checkFileReferences(task: TaskSpec): void {
  const isProcess = task.runtime?.$case === "generic";
  const targets = new Map<string, string>();
  for (const { kind, id, name, file, hasTarget } of referencesOf(filesOf(task))) {
    if (id === "" || name === "") throw invalidArgument(`malformed ${kind} reference`);
    if (!hasTarget) throw invalidArgument(`malformed ${kind} reference, no target provided`);
    if (!file) {
      if (isProcess) throw invalidArgument(`config ${name}: a process is given configs as files only`);
      continue;
    }
    if (file.name === "") throw invalidArgument(`malformed file ${kind} reference, invalid target file name provided`);
    if (isProcess) checkProcessFile(name, kind, file);
    const folder = kind === "secret" ? SECRETS_FOLDER : isProcess ? CONFIGS_FOLDER : "";
    const path = file.name.startsWith("/") ? file.name : `${folder}/${file.name}`;
    const other = targets.get(path);
    if (other !== undefined) {
      throw invalidArgument(`${kind} references '${other}' and '${name}' have a conflicting target: '${file.name}'`);
    }
    targets.set(path, name);
  }
}

/** @throws StatusError (INVALID_ARGUMENT) when one is not there, or has another name */
export function checkFilesExist(task: TaskSpec, read: StoreReader): void {
  const references = referencesOf(filesOf(task));
  for (const kind of ["secret", "config"] as const) {
    const missing = references
      .filter((one) => one.kind === kind && read.get(kind, one.id)?.spec?.annotations?.name !== one.name)
      .map(({ name }) => name);
    if (missing.length > 0) {
      throw invalidArgument(`${kind}${missing.length > 1 ? "s" : ""} not found: ${missing.join(", ")}`);
    }
  }
}

function referencesOf({ secrets, configs }: FileReferences): readonly Reference[] {
  return [
    ...secrets.map(({ secretId, secretName, target }) => ({
      kind: "secret" as const,
      id: secretId,
      name: secretName,
      file: target?.value,
      hasTarget: target !== undefined,
    })),
    ...configs.map(({ configId, configName, target }) => ({
      kind: "config" as const,
      id: configId,
      name: configName,
      file: target?.$case === "file" ? target.value : undefined,
      hasTarget: target !== undefined,
    })),
  ];
}

function checkProcessFile(name: string, kind: string, { name: target, uid, gid, mode }: FileTarget): void {
  const why = whyNoTarget(target);
  if (why !== undefined) throw invalidArgument(`${kind} ${name}: the target ${JSON.stringify(target)} ${why}`);
  for (const id of [uid, gid]) {
    if (id !== "" && !(/^\d{1,10}$/.test(id) && Number(id) < 2 ** 32 - 1)) {
      throw invalidArgument(`${kind} ${name}: ${JSON.stringify(id)} is not the number of a user or group`);
    }
  }
  if (mode > 0o777) throw invalidArgument(`${kind} ${name}: the mode ${mode.toString(8)} is more than 777`);
}
