/** Whether a node has to be told of a change of its task. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { NetworkAttachment, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Annotations } from "../../api/generated/docker/swarmkit/v1/types.js";

/**
 * Nothing but what the node itself has reported is different. On the manager that made a change unchanged parts are the same objects; on
 * the others, which read it from the log, most are.
 */
export function sameOrder(a: Task, b: Task): boolean {
  return (
    a.desiredState === b.desiredState &&
    same(a.spec, b.spec) &&
    sameNetworks(a.networks, b.networks) &&
    same(a.endpoint, b.endpoint) &&
    sameAnnotations(a.annotations, b.annotations) &&
    same(a.serviceAnnotations, b.serviceAnnotations) &&
    same(a.logDriver, b.logDriver) &&
    sameLists(a.volumes, b.volumes) &&
    sameLists(a.assignedGenericResources, b.assignedGenericResources)
  );
}

function same(a: unknown, b: unknown): boolean {
  return a === b || isDeepStrictEqual(a, b);
}

function sameLists(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && (a.length === 0 || isDeepStrictEqual(a, b)));
}

function sameNetworks(a: readonly NetworkAttachment[], b: readonly NetworkAttachment[]): boolean {
  return a === b || (a.length === b.length && a.every((attachment, i) => sameAttachment(attachment, b[i]!)));
}

function sameAttachment(a: NetworkAttachment, b: NetworkAttachment): boolean {
  return (
    a === b ||
    (a.addresses.length === b.addresses.length &&
      a.addresses.every((address, i) => address === b.addresses[i]) &&
      same(a.network, b.network) &&
      same(a.aliases, b.aliases) &&
      same(a.driverAttachmentOpts, b.driverAttachmentOpts))
  );
}

function sameAnnotations(a: Annotations | undefined, b: Annotations | undefined): boolean {
  return a === b || (a?.name === b?.name && same(a?.labels, b?.labels) && same(a?.indices, b?.indices));
}
