import { CAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import { formatUnlockKey } from "../../security/at-rest/unlock-key.js";
import type { Connection } from "../connection.js";
import { CommandError, UsageError } from "../failure.js";
import type { Action } from "../invocation.js";
import { theCluster } from "../objects.js";
import { printJson } from "../render/list.js";
import { changeCluster } from "./change.js";
import { hasAutolock } from "./list.js";

/** `tsctl unlock-key` */
export const unlockKey: Action = async (invocation) => {
  const { flags, settings, terminal } = invocation;
  const isQuiet = flags.quiet === true;
  const asJson = settings.format === "json";
  if (isQuiet && asJson) throw new UsageError("--quiet prints the bare key: leave out --format json");
  const connection = await invocation.connect();
  if (flags.rotate === true) {
    if (!hasAutolock(await theCluster(connection))) throw noKey();
    await changeCluster(connection, (spec) => spec, { managerUnlockKey: true });
    if (!isQuiet && !asJson) terminal.write("Successfully rotated manager unlock key.\n\n");
  }
  const key = await fetchUnlockKey(connection);
  if (asJson) printJson(invocation, { unlockKey: key });
  else terminal.write(isQuiet ? `${key}\n` : unlockAdvice(key));
  return undefined;
};

/** @throws CommandError when the managers are not locked when they restart */
export async function fetchUnlockKey(connection: Connection): Promise<string> {
  const { unlockKey: bytes } = await connection.call(CAService.getUnlockKey, {});
  if (bytes.length === 0) throw noKey();
  return formatUnlockKey(bytes);
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
