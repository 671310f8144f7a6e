import { PlannerService, type RebalanceResponse } from "../../api/generated/tswarm/v1/planner.js";
import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { type NameOf, namesOf } from "../names.js";
import { findService, serviceName } from "../objects.js";
import { printJson } from "../render/list.js";
import { renderTable } from "../render/table.js";

/** `tsctl service rebalance SERVICE` */
export const rebalanceService: Action = async (invocation) => {
  const dryRun = new FlagReader(invocation.flags).isSet("--dry-run");
  const connection = await invocation.connect();
  const service = await findService(connection, invocation.args[0] ?? "");
  const answer = await connection.call(PlannerService.rebalance, { serviceId: service.id, dryRun });
  const nodeIds = answer.moves.flatMap(({ fromNodeId, toNodeId }) => [fromNodeId, toNodeId]);
  const nodeOf = await namesOf(invocation, connection, "node", nodeIds);
  if (invocation.settings.format === "json") {
    const moves = answer.moves.map((move) => ({ ...move, from: nodeOf(move.fromNodeId), to: nodeOf(move.toNodeId) }));
    printJson(invocation, { dryRun, moves, reason: answer.reason });
  } else {
    invocation.terminal.write(movesText(serviceName(service), answer, nodeOf));
  }
  return undefined;
};

function movesText(name: string, { moves, reason }: RebalanceResponse, nodeOf: NameOf): string {
  if (moves.length === 0) return `${name}: nothing to move${reason === "" ? ": it is spread evenly" : `: ${reason}`}\n`;
  type Move = (typeof moves)[number];
  return renderTable<Move>(
    [
      { title: "TASK", value: ({ slot }) => `${name}.${slot}` },
      { title: "FROM", value: ({ fromNodeId }) => nodeOf(fromNodeId) },
      { title: "TO", value: ({ toNodeId }) => nodeOf(toNodeId) },
    ],
    moves,
  );
}
