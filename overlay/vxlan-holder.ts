/** Who has a VNI: the kernel allows one VXLAN device per VNI and UDP port in an underlay, wherever the device itself is. */
import { closeSync, openSync } from "node:fs";
import { deleteLink, type Link, RouteSocket } from "../native-bindings/route/index.js";
import { inNamespace, listNamespaces, namespaceExists, openNamespace } from "../netns/namespace.js";
import { describePlace } from "./apply-report.js";
import { HOST, type Place } from "./kernel-objects.js";
import { roleOfNamespace } from "./names.js";

export interface VniHolder {
  readonly place: Place;
  readonly link: string;
  /** In a network's namespace of this node: nobody else can want it. */
  readonly ours: boolean;
}

/** @returns the devices with this VNI and port whose UDP socket is in the namespace that the calling thread is in */
export function findVniHolders(nodeId: string, vni: number, port: number): readonly VniHolder[] {
  const holds = ({ vxlan }: Link) => vxlan?.vni === vni && vxlan.port === port;
  const hostFd = openSync("/proc/thread-self/ns/net", "r");
  try {
    using hostSocket = RouteSocket.open();
    const holders: VniHolder[] = hostSocket
      .links({ kind: "vxlan" })
      .filter((link) => holds(link) && link.linkNamespaceId === undefined)
      .map(({ name }) => ({ place: HOST, link: name, ours: false }));
    for (const place of listNamespaces()) {
      if (!namespaceExists(place)) continue;
      using namespace = openNamespace(place);
      const ours = roleOfNamespace(nodeId, place) === "network";
      using socket = inNamespace(namespace, () => RouteSocket.open());
      for (const link of socket.links({ kind: "vxlan" })) {
        if (!holds(link) || link.linkNamespaceId !== socket.namespaceId(hostFd)) continue;
        holders.push({ place, link: link.name, ours });
      }
    }
    return holders;
  } finally {
    closeSync(hostFd);
  }
}

export function removeVniHolder({ place, link }: VniHolder): void {
  using namespace = openNamespace(place);
  using socket = inNamespace(namespace, () => RouteSocket.open());
  socket.execute(deleteLink({ name: link }));
}

/** A VXLAN device that this node did not make has the VNI. */
export class VniTakenError extends Error {
  override readonly name = "VniTakenError";
  readonly code = "EEXIST";

  constructor(
    readonly vni: number,
    readonly port: number,
    readonly holders: readonly VniHolder[],
    cause: Error,
  ) {
    const named = holders.map(({ place, link }) => `${link} in ${describePlace(place)}`);
    const who = named.length > 0 ? named.join(", ") : "a device in a namespace without a name";
    super(`VNI ${vni} on UDP port ${port} is taken by ${who}, which is not this node's to remove`, { cause });
  }
}
