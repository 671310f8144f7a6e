/** Mounts as flags say them, as docker's do. */
import { Mount, Mount_Type as Type } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import { type FlagReader, nonEmpty } from "../../flag-reader.js";
import { formatSize, oneOf, parseSize } from "../../values/amount.js";
import { splitPair } from "../../values/pair.js";

const TYPES = { bind: Type.BIND, volume: Type.VOLUME, tmpfs: Type.TMPFS } as const;
const KEYS: Readonly<Record<string, string>> = {
  type: "type",
  source: "source",
  src: "source",
  target: "target",
  destination: "target",
  dst: "target",
  readonly: "readonly",
  ro: "readonly",
  "bind-nonrecursive": "bind-nonrecursive",
  "tmpfs-size": "tmpfs-size",
  "tmpfs-mode": "tmpfs-mode",
};

export interface MountEdit {
  readonly add: readonly Mount[];
  /** Targets. */
  readonly remove: readonly string[];
}

/** Reads --mount, or --mount-add and --mount-rm. @throws UsageError */
export function readMountEdit(flags: FlagReader): MountEdit {
  const add = [...flags.values("--mount", parseMount), ...flags.values("--mount-add", parseMount)];
  const flag = flags.has("--mount") ? "--mount" : "--mount-add";
  add.forEach(({ target }, at) => {
    if (add.findIndex((other) => other.target === target) < at) {
      throw new UsageError(`${flag}: something is mounted at ${target} twice`);
    }
  });
  return { add, remove: flags.values("--mount-rm", nonEmpty) };
}

/** @throws UsageError when what is to be removed is not there, or a process cannot have what is added */
export function editMounts(
  current: readonly Mount[],
  { add, remove }: MountEdit,
  isProcess: boolean,
): readonly Mount[] {
  for (const path of remove) {
    if (!current.some(({ target }) => target === path)) {
      throw new UsageError(`--mount-rm: the service mounts nothing at ${path}`);
    }
  }
  const volume = add.find(({ type }) => type !== Type.BIND && type !== Type.TMPFS);
  if (isProcess && volume) {
    throw new UsageError(`--mount: ${volume.target}: a process can have mounts of type bind and tmpfs only`);
  }
  const isGone = ({ target }: Mount) => remove.includes(target) || add.some((one) => one.target === target);
  return [...current.filter((mount) => !isGone(mount)), ...add];
}

/** `bind /srv → /mnt, read-only` */
export function mountText({ type, source, target, readonly, tmpfsOptions }: Mount): string {
  const name = Object.entries(TYPES).find(([, value]) => value === type)?.[0] ?? String(type);
  const size = tmpfsOptions && tmpfsOptions.sizeBytes > 0 ? `, ${formatSize(tmpfsOptions.sizeBytes)}` : "";
  return `${name} ${source ? `${source} at ` : "at "}${target}${readonly ? ", read-only" : ""}${size}`;
}

function parseMount(text: string, flag: string): Mount {
  const values = new Map<string, string>();
  for (const field of text.split(",")) {
    const [name, value = "true"] = splitPair(field);
    const key = Object.hasOwn(KEYS, name) ? KEYS[name]! : undefined;
    if (key === undefined) {
      throw new UsageError(`${flag}: "${text}": ${name} is not one of ${[...new Set(Object.values(KEYS))].join(", ")}`);
    }
    if (values.has(key)) throw new UsageError(`${flag}: "${text}": ${key} is given twice`);
    values.set(key, value);
  }
  const type = TYPES[oneOf("bind", "volume", "tmpfs")(values.get("type") ?? "volume", `${flag} type`)];
  const target = absolute(values.get("target"), `${flag} target`, text);
  const source = values.get("source") ?? "";
  if (type === Type.BIND) absolute(source, `${flag} source`, text);
  if (type === Type.TMPFS && source !== "") throw new UsageError(`${flag}: "${text}": a tmpfs has no source`);
  refuseOfOther(values, type !== Type.TMPFS, ["tmpfs-size", "tmpfs-mode"], "tmpfs", flag, text);
  refuseOfOther(values, type !== Type.BIND, ["bind-nonrecursive"], "bind", flag, text);
  const [size, mode] = [values.get("tmpfs-size"), values.get("tmpfs-mode")];
  return Mount.fromPartial({
    type,
    source,
    target,
    readonly: flagValue(values.get("readonly"), `${flag} readonly`),
    bindOptions: flagValue(values.get("bind-nonrecursive"), `${flag} bind-nonrecursive`)
      ? { nonrecursive: true }
      : undefined,
    tmpfsOptions:
      size === undefined && mode === undefined
        ? undefined
        : {
            sizeBytes: size === undefined ? 0 : parseSize(size, `${flag} tmpfs-size`),
            mode: mode === undefined ? 0 : parseMode(mode, `${flag} tmpfs-mode`),
          },
  });
}

function absolute(path: string | undefined, what: string, text: string): string {
  if (!path) throw new UsageError(`${what}: "${text}" has none`);
  const isPlain =
    path.startsWith("/") &&
    !path
      .slice(1)
      .split("/")
      .some((part) => part === "" || part === "." || part === "..");
  if (!isPlain || /[\0\n]/.test(path)) {
    throw new UsageError(`${what}: "${path}" is not a plain absolute path, without empty parts, . and ..`);
  }
  return path;
}

function refuseOfOther(
  values: ReadonlyMap<string, string>,
  isOther: boolean,
  keys: readonly string[],
  type: string,
  flag: string,
  text: string,
): void {
  const key = keys.find((one) => values.has(one));
  if (isOther && key) throw new UsageError(`${flag}: "${text}": ${key} is for type=${type} only`);
}

function flagValue(text: string | undefined, what: string): boolean {
  if (text === undefined) return false;
  if (["true", "1"].includes(text)) return true;
  if (["false", "0"].includes(text)) return false;
  throw new UsageError(`${what}: "${text}" is not true or false`);
}

function parseMode(text: string, what: string): number {
  if (!/^[01]?[0-7]{3}$/.test(text)) throw new UsageError(`${what}: "${text}" is not a mode: write octal digits, 1777`);
  return Number.parseInt(text, 8);
}
