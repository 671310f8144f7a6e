import { setTimeout as sleep } from "node:timers/promises";
import { CAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import { formatUnlockKey } from "../../security/at-rest/unlock-key.js";
import type { Connection } from "../connection.js";
import { CommandError, UsageError } from "../failure.js";
import type { Action } from "../invocation.js";
import { theCluster } from "../objects.js";
import { printJson } from "../render/list.js";
import { changeCluster } from "./change.js";
import { hasAutolock } from "./list.js";

/** How long a manager may take to hear of what was changed: together some seconds. */
const MAX_TRIES = 50;
const PAUSE_MS = 100;

/** `tsctl unlock-key` */
export const unlockKey: Action = async (invocation) => {
  const { flags, settings, terminal } = invocation;
  const isQuiet = flags.quiet === true;
  const asJson = settings.format === "json";
  if (isQuiet && asJson) throw new UsageError("--quiet prints the bare key: leave out --format json");
  const connection = await invocation.connect();
  let since: number | undefined;
  if (flags.rotate === true) {
    if (!hasAutolock(await theCluster(connection))) throw noKey();
    const { after } = await changeCluster(connection, (spec) => spec, { managerUnlockKey: true });
    since = after.meta?.version?.index;
    if (!isQuiet && !asJson) terminal.write("Successfully rotated manager unlock key.\n\n");
  }
  const key = await fetchUnlockKey(connection, since);
  if (asJson) printJson(invocation, { unlockKey: key });
  else terminal.write(isQuiet ? `${key}\n` : unlockAdvice(key));
  return undefined;
};

/**
 * @param since the version of the cluster that the key was made with: the manager that answers may be behind
 * @throws CommandError when the managers are not locked when they restart
 */
export async function fetchUnlockKey(connection: Connection, since = 0): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const { unlockKey: bytes, version } = await connection.call(CAService.getUnlockKey, {});
    if ((version?.index ?? since) >= since) {
      if (bytes.length === 0) throw noKey();
      return formatUnlockKey(bytes);
    }
    if (tries === MAX_TRIES)
      throw new CommandError(
        'this manager lags behind the others: "tsctl unlock-key" shows the key once it has caught up',
      );
    await sleep(PAUSE_MS);
  }
}

function noKey(): CommandError {
  return new CommandError('no unlock key is set: "tsctl update --autolock" makes one');
}

/** Docker's words. */
export function unlockAdvice(key: string): string {
  return `To unlock a swarm manager after it restarts, run the \`tsctl unlock\`
command and provide the following key:

    ${key}

Remember to store this key in a password manager, since without it you
will not be able to restart the manager.
`;
}
