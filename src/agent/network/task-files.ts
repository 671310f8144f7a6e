/** The text of a task's /etc/resolv.conf and /etc/hosts. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { ProcessSpec } from "../../api/generated/tswarm/v1/process.js";
import { RESOLVER_ADDRESS } from "../dns/port.js";

interface NameSettings {
  readonly hosts: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export function resolvConf(task: Task): string {
  const { search, options } = settings(task);
  const lines = [`nameserver ${RESOLVER_ADDRESS}`];
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  // ndots:0, as Docker: a name without a dot is asked for as it stands first.
  lines.push(
    `options ${[...(options.some((option) => option.startsWith("ndots:")) ? [] : ["ndots:0"]), ...options].join(" ")}`,
  );
  return `${lines.join("\n")}\n`;
}

/** @param addresses the task's own, of either family */
export function hostsFile(task: Task, hostname: string, addresses: readonly string[]): string {
  const lines = [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    ...settings(task).hosts,
    ...addresses.map((address) => `${address}\t${hostname}`),
  ];
  return `${lines.join("\n")}\n`;
}

function settings(task: Task): NameSettings {
  const runtime = task.spec?.runtime;
  if (runtime?.$case === "generic" && runtime.value.kind === "process" && runtime.value.payload) {
    const spec = ProcessSpec.decode(runtime.value.payload.value);
    return { hosts: spec.hosts, search: spec.dnsSearch, options: spec.dnsOptions };
  }
  if (runtime?.$case === "container") {
    const { hosts, dnsConfig } = runtime.value;
    return { hosts, search: dnsConfig?.search ?? [], options: dnsConfig?.options ?? [] };
  }
  return { hosts: [], search: [], options: [] };
}
