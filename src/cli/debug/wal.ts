import { join, resolve } from "node:path";
import { DiskError } from "../../raft/disk/disk.js";
import { FolderDisk } from "../../raft/disk/folder-disk.js";
import { readLogFolder } from "../../raft/storage/log-inspection.js";
import { CommandError, ExitCode } from "../failure.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { visible } from "../render/table.js";
import { parseWhole } from "../values/amount.js";
import { type ItemView, itemText, viewItem } from "./log-item.js";
import { openLogKeys } from "./log-keys.js";

const DEFAULT_STATE_DIR = "/var/lib/swarmd";

/** `tsctl debug wal`: ends with status 1 when something is damaged, or cannot be opened. */
export const debugWal: Action = async ({ flags: values, settings, terminal }) => {
  const flags = new FlagReader(values);
  const stateDir = resolve(flags.value("--state-dir", nonEmpty) ?? DEFAULT_STATE_DIR);
  const from = flags.value("--from", parseWhole) ?? 0;
  const limit = flags.value("--limit", (text, flag) => parseWhole(text, flag, 1)) ?? Number.MAX_SAFE_INTEGER;
  const keyFile = flags.value("--unlock-key-file", nonEmpty);
  const raftDir = join(stateDir, "manager", "raft");
  const keyRing = await openLogKeys(join(raftDir, "keys.json"), keyFile, terminal);
  const disk = new FolderDisk(join(raftDir, "log"), { readOnly: true });
  const asJson = settings.format === "json";
  let isHealthy = true;
  let entries = 0;
  let items = 0;
  const show = (view: ItemView) => {
    if (view.kind === "entry" && (view.index < from || ++entries > limit)) return;
    if (asJson) terminal.write(`${items === 0 ? "[" : ","}\n${JSON.stringify(view)}`);
    else for (const line of itemText(view)) terminal.write(`${visible(line)}\n`);
    items++;
  };
  try {
    for await (const item of readLogFolder({ disk, keyRing })) {
      if (item.kind === "damage" || item.kind === "locked") isHealthy = false;
      for (const view of viewItem(item)) show(view);
    }
    if (asJson) terminal.write(items === 0 ? "[]\n" : "\n]\n");
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    throw new CommandError(
      error.code === "not-found"
        ? `${stateDir} holds no manager's log (--state-dir names another folder)`
        : error.message,
    );
  }
  return isHealthy ? ExitCode.success : ExitCode.failure;
};
