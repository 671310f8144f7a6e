import { LocalManagerService } from "../../api/generated/tswarm/v1/manager.js";
import { TakeSnapshotResponse } from "../../api/generated-json/tswarm/v1/manager.js";
import type { Action } from "../invocation.js";
import { printJson } from "../render/list.js";
import { canonicalJson } from "../render/protobuf-json.js";
import { formatSize } from "../values/amount.js";
import { formatMeasured } from "../values/duration.js";

/** `tsctl debug snapshot` */
export const takeSnapshot: Action = async (invocation) => {
  const connection = await invocation.connect();
  const answer = await connection.call(LocalManagerService.takeSnapshot, {});
  if (invocation.settings.format === "json") {
    printJson(invocation, canonicalJson(TakeSnapshotResponse.toJSON(answer), {}));
  } else {
    const took = answer.took ? formatMeasured(answer.took) : "no time";
    invocation.terminal.write(`Snapshot of index ${answer.index}: ${formatSize(answer.bytes)}, in ${took}.\n`);
  }
  return undefined;
};
