import {
  type EndpointSpec,
  EndpointSpec_ResolutionMode as Mode,
} from "../../../api/generated/docker/swarmkit/v1/specs.js";
import {
  type PortConfig,
  PortConfig_PublishMode as PublishMode,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import { formatPort, type PortSelector, protocolName, refuseDuplicatePorts, selectsPort } from "../../values/port.js";

/** What shall change about where a service is reached. */
export interface EndpointEdit {
  readonly mode?: "vip" | "dnsrr";
  readonly publish: readonly PortConfig[];
  readonly unpublish: readonly PortSelector[];
}

/**
 * Applies the change: removals first, so that one command can move a port.
 * @param flag which flag the ports come from, for errors
 * @throws UsageError when a removal fits nothing, or the ports contradict each other
 */
export function editEndpoint(
  current: EndpointSpec | undefined,
  edit: EndpointEdit,
  flag: string,
): EndpointSpec | undefined {
  if (edit.mode === undefined && edit.publish.length === 0 && edit.unpublish.length === 0) return current;
  let ports = [...(current?.ports ?? [])];
  for (const selector of edit.unpublish) {
    const kept = ports.filter((port) => !selectsPort(selector, port));
    if (kept.length === ports.length) {
      const has = ports.length === 0 ? "it publishes none" : `it publishes ${ports.map(formatPort).join(", ")}`;
      throw new UsageError(
        `--publish-rm: the service does not publish ${selector.publishedPort ? `${selector.publishedPort}:` : ""}${selector.targetPort}/${protocolName(selector.protocol)}: ${has}`,
      );
    }
    ports = kept;
  }
  for (const port of edit.publish) {
    if (!ports.some((other) => samePort(port, other))) ports.push(port);
  }
  refuseDuplicatePorts(ports, flag);
  const mode = edit.mode === undefined ? (current?.mode ?? Mode.VIP) : edit.mode === "vip" ? Mode.VIP : Mode.DNSRR;
  const ingress = ports.find((port) => port.publishMode === PublishMode.INGRESS);
  if (mode === Mode.DNSRR && ingress !== undefined) {
    throw new UsageError(
      `${flag}: ${formatPort(ingress)} needs a virtual IP, which --endpoint-mode dnsrr has not: publish it with mode=host`,
    );
  }
  return { mode, ports };
}

function samePort(a: PortConfig, b: PortConfig): boolean {
  return (
    a.targetPort === b.targetPort &&
    a.publishedPort === b.publishedPort &&
    a.protocol === b.protocol &&
    a.publishMode === b.publishMode
  );
}
