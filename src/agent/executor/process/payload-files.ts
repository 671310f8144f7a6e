/**
 * A task's secrets and configs as files that it alone sees: on file systems in memory in its own mount namespace. Their data comes
 * through a FIFO, one file after another, and is on no disk and in no script. Pure.
 */
import { dirname, join } from "node:path";
import type { ConfigReference, FileTarget, SecretReference } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { CONFIGS_FOLDER, SECRETS_FOLDER, whyNoTarget } from "../../../api/process-rules.js";
import { quote } from "./shell-words.js";

/** The FIFO in the task's folder. */
export const PAYLOADS = "payloads";

export interface PayloadFile {
  readonly kind: "secret" | "config";
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly folder: string;
  /** Below the folder, or the absolute path of a file of the host's that it stands in for. */
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** @param fail called with a reason when there can never be such a file */
export function readPayloadFiles(
  secrets: readonly SecretReference[],
  configs: readonly ConfigReference[],
  fail: (reason: string) => never,
): readonly PayloadFile[] {
  const read = (kind: PayloadFile["kind"], id: string, name: string, file: FileTarget | undefined): PayloadFile => {
    if (!file) return fail(`${kind} ${name} has no file as its target`);
    const folder = kind === "secret" ? SECRETS_FOLDER : CONFIGS_FOLDER;
    const target = file.name.startsWith(`${folder}/`) ? file.name.slice(folder.length + 1) : file.name;
    const why = whyNoTarget(target);
    if (why !== undefined) fail(`${kind} ${name}: the target ${JSON.stringify(file.name)} ${why}`);
    const [uid, gid] = [file.uid, file.gid].map((text) => Number(text || "0")) as [number, number];
    if (![uid, gid].every((number) => Number.isInteger(number) && number >= 0)) {
      fail(`${kind} ${name}: its owner is no number`);
    }
    return { kind, id, name, folder, target, uid, gid, mode: file.mode & 0o777 };
  };
  return [
    ...secrets.map(({ secretId, secretName, target }) => read("secret", secretId, secretName, target?.value)),
    ...configs.map(({ configId, configName, target }) =>
      read("config", configId, configName, target?.$case === "file" ? target.value : undefined),
    ),
  ];
}

/** Pages, and what a file system in memory keeps of each file, are more than the data. */
const ROOM_PER_FILE_BYTES = 16 * 1024;
const FLAGS = "nosuid,nodev,noexec";

/**
 * Lines for the set-up, which has descriptor 7 of the FIFO. What ends too early fails.
 * @param sizes of the files, in bytes
 */
export function payloadLines(files: readonly PayloadFile[], sizes: readonly number[]): readonly string[] {
  if (files.length === 0) return [];
  const folders = [...new Set(files.map(({ folder }) => folder))];
  const roomFor = (folder: string) =>
    files.reduce((sum, file, at) => (file.folder === folder ? sum + sizes[at]! + ROOM_PER_FILE_BYTES : sum), 0);
  return [
    `exec 7<${PAYLOADS}`,
    ...folders.flatMap((folder) => [
      `mkdir -p -m 755 ${quote(folder)}`,
      `mount -t tmpfs -o ${FLAGS},mode=755,size=${roomFor(folder)} tswarm ${quote(folder)}`,
    ]),
    ...files.flatMap((file, at) => fileLines(file, sizes[at]!, at)),
    ...folders.map((folder) => `mount -o remount,bind,ro,${FLAGS} ${quote(folder)}`),
    "exec 7<&-",
  ];
}

function fileLines({ folder, target, uid, gid, mode, name }: PayloadFile, size: number, at: number): readonly string[] {
  const isBound = target.startsWith("/");
  const path = quote(isBound ? join(folder, `.${at}`) : join(folder, target));
  const parent = dirname(target);
  return [
    ...(isBound || parent === "." ? [] : [`(umask 022; mkdir -p ${quote(join(folder, parent))})`]),
    `head -c ${size} <&7 >${path}`,
    `if [ "$(wc -c <${path})" -ne ${size} ]; then echo ${quote(`${name} did not come in full`)} >&2; exit 1; fi`,
    `chown ${uid}:${gid} ${path}`,
    `chmod ${mode.toString(8)} ${path}`,
    // The mount keeps the file when its name has gone.
    ...(isBound ? [`mount --no-canonicalize -o bind,ro,${FLAGS} ${path} ${quote(target)}`, `rm ${path}`] : []),
  ];
}
