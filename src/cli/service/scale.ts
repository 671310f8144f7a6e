import { CommandError, ExitCode, UsageError } from "../failure.js";
import type { Action } from "../invocation.js";
import { findService, serviceName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { parseWhole } from "../values/amount.js";
import { changeService } from "./change.js";
import { readWaitFlags, waitForService } from "./progress/wait.js";
import { withReplicas } from "./spec/mode.js";

/** `tsctl service scale SERVICE=REPLICAS…` */
export const scaleServices: Action = async (invocation) => {
  const waiting = readWaitFlags(invocation.flags);
  const wanted = readScales(invocation.args);
  const connection = await invocation.connect();
  // All are found and checked before the first is changed.
  const found = await Promise.all(wanted.map(({ service }) => findService(connection, service)));
  for (const [at, service] of found.entries()) {
    if (service.spec === undefined) throw new CommandError(`service ${service.id} has no specification to change`);
    withReplicas(service.spec, wanted[at]!.replicas, wanted[at]!.argument);
  }
  for (const [at, service] of found.entries()) {
    const { replicas, argument } = wanted[at]!;
    await changeService(connection, service, (spec) => ({ ...spec, mode: withReplicas(spec, replicas, argument) }));
  }
  const changed = found.map((service) => ({ id: service.id, name: serviceName(service) }));
  printChanged(invocation, changed, "name");
  if (waiting.detach) return undefined;
  for (const service of changed) {
    const status = await waitForService(invocation, connection, service, waiting);
    if (status !== ExitCode.success) return status;
  }
  return undefined;
};

/** One argument of `service scale`. */
export interface Scale {
  readonly argument: string;
  readonly service: string;
  readonly replicas: number;
}

/** Reads `web=5 api=2`. @throws UsageError */
export function readScales(args: readonly string[]): Scale[] {
  const scales = args.map((argument) => {
    const at = argument.lastIndexOf("=");
    if (at < 1) throw new UsageError(`"${argument}" is not SERVICE=REPLICAS: write it as web=5`);
    return { argument, service: argument.slice(0, at), replicas: parseWhole(argument.slice(at + 1), argument) };
  });
  const twice = scales.find(({ service }, at) => scales.findIndex((other) => other.service === service) < at);
  if (twice) throw new UsageError(`service ${twice.service} is named twice`);
  return scales;
}
