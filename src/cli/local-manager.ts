import { LocalManagerService, type ManagerStatusResponse } from "../api/generated/tswarm/v1/manager.js";
import { type Connection, RpcError } from "./connection.js";
import { Status } from "./rpc/status.js";

/** What the manager that answers says of itself; undefined where it does not know the question. */
export async function localManager(connection: Connection): Promise<ManagerStatusResponse | undefined> {
  try {
    return await connection.call(LocalManagerService.status, {});
  } catch (error) {
    if (error instanceof RpcError && error.code === Status.UNIMPLEMENTED) return undefined;
    throw error;
  }
}
