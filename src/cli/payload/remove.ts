import { ExitCode } from "../failure.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findPayload } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { type PayloadKind, payloadName } from "./kind.js";

/** `tsctl secret rm SECRET…`, `tsctl config rm CONFIG…` */
export function removePayloads(kind: PayloadKind): Action {
  return async (invocation) => {
    const connection = await invocation.connect();
    const removed: { id: string; name: string }[] = [];
    const failed = await forEachArgument(invocation, async (argument) => {
      const payload = await findPayload(connection, kind.name, argument);
      await kind.remove(connection, payload.id);
      removed.push({ id: payload.id, name: payloadName(payload) });
    });
    printChanged(invocation, removed, "name");
    return failed ? ExitCode.failure : ExitCode.success;
  };
}
