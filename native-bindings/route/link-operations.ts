/** What can be done to links, as operations. */
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.js";
import type { BridgePortOptions } from "./bridge.js";
import { RTM_DELLINK, RTM_NEWLINK, RTM_SETLINK } from "./constants.js";
import {
  type LinkChange,
  type LinkId,
  type LinkSpec,
  writeBridgePortChange,
  writeLinkChange,
  writeLinkId,
  writeLinkSpec,
} from "./link.js";
import type { RouteOperation } from "./operation.js";

/** Makes a link: EEXIST when the name is taken, or a VXLAN of this VNI and port exists in the same underlay. */
export function addLink(spec: LinkSpec): RouteOperation {
  return {
    describe: () => `add ${spec.kind} ${spec.name}${spec.kind === "vxlan" ? ` with VNI ${spec.vxlan.vni}` : ""}`,
    write(writer) {
      writer.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
      writeLinkSpec(writer, spec);
      writer.end();
    },
  };
}

/** Changes a link: ENODEV when there is none. */
export function setLink(id: LinkId, change: LinkChange): RouteOperation {
  return {
    describe: () => `set ${describeLinkId(id)} ${describeChange(change)}`,
    write(writer) {
      writer.begin(RTM_NEWLINK, 0);
      writeLinkChange(writer, id, change);
      writer.end();
    },
  };
}

/** Removes a link (a veth pair goes as a whole): ENODEV when there is none. */
export function deleteLink(id: LinkId): RouteOperation {
  return {
    describe: () => `delete ${describeLinkId(id)}`,
    write(writer) {
      writer.begin(RTM_DELLINK, 0);
      writeLinkId(writer, id);
      writer.end();
    },
  };
}

/** Changes how its bridge treats a port. */
export function setBridgePort(index: number, options: BridgePortOptions): RouteOperation {
  return {
    describe: () => `set bridge port ${index} ${describeChange(options)}`,
    write(writer) {
      writer.begin(RTM_SETLINK, 0);
      writeBridgePortChange(writer, index, options);
      writer.end();
    },
  };
}

export function describeLinkId(id: LinkId): string {
  return "name" in id ? `link ${id.name}` : `link ${id.index}`;
}

function describeChange(change: object): string {
  return Object.entries(change)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}
