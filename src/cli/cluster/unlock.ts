import { LocalManagerService, ManagerState } from "../../api/generated/tswarm/v1/manager.js";
import { parseUnlockKey, UnlockKeyError } from "../../security/at-rest/unlock-key.js";
import { CommandError } from "../failure.js";
import type { Action } from "../invocation.js";
import { localManager } from "../local-manager.js";

/** `tsctl unlock`: the key is never an argument, which others on the host could see. */
export const unlock: Action = async (invocation) => {
  const connection = await invocation.connect();
  const local = await localManager(connection);
  if (local && local.state !== ManagerState.MANAGER_LOCKED) throw new CommandError("swarm is not locked");
  const key = checkedUnlockKey(await invocation.terminal.readSecret("Enter unlock key: "));
  await connection.call(LocalManagerService.unlock, { unlockKey: key });
  return undefined;
};

/** @throws CommandError that does not repeat what was typed */
export function checkedUnlockKey(text: string): string {
  const key = text.trim();
  if (key === "") throw new CommandError("no unlock key was given");
  try {
    parseUnlockKey(key);
  } catch (error) {
    if (error instanceof UnlockKeyError) throw new CommandError(error.message);
    throw error;
  }
  return key;
}
