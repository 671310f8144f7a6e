/** A generic netlink socket of one family, in the network namespace in which it was opened. */
import { NETLINK_GENERIC } from "../netlink/constants.js";
import { NetlinkError } from "../netlink/errors.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { NetlinkSocket } from "../netlink/socket.js";
import {
  beginGeneric,
  type GenericFamily,
  type GenericPayload,
  parseFamily,
  parseGeneric,
  writeGetFamily,
} from "./family.js";

/**
 * Family ids hold for one boot of the kernel and all its namespaces; a family that goes away and comes back (its module
 * unloaded) gets another one, and then the kernel answers ENOENT or EOPNOTSUPP to the old one.
 */
const resolved = new Map<string, GenericFamily>();

export class GenericSocket implements Disposable {
  private constructor(
    readonly netlink: NetlinkSocket,
    readonly family: GenericFamily,
  ) {}

  /**
   * Opens a socket and resolves the family.
   * @returns undefined when this kernel has no such family
   * @throws NetlinkError, SystemCallError
   */
  static open(familyName: string): GenericSocket | undefined {
    const netlink = NetlinkSocket.open(NETLINK_GENERIC, { strictCheck: false });
    try {
      const family = resolved.get(familyName) ?? findFamily(netlink, familyName);
      if (family) {
        resolved.set(familyName, family);
        return new GenericSocket(netlink, family);
      }
    } catch (error) {
      netlink.close();
      throw error;
    }
    netlink.close();
    return undefined;
  }

  /** Starts one message of this family; the caller writes the attributes and ends it. */
  begin(writer: MessageWriter, command: number, flags = 0): MessageWriter {
    return beginGeneric(writer, this.family.id, command, this.family.version, flags);
  }

  /** One request. @returns the answers before the acknowledgement @throws NetlinkError, NetlinkTransportError */
  request(operation: string, command: number, write: (writer: MessageWriter) => void): GenericPayload[] {
    return this.netlink
      .request(operation, (writer) => {
        this.begin(writer, command);
        write(writer);
        writer.end();
      })
      .map(({ payload }) => parseGeneric(payload));
  }

  /** One dump. @throws NetlinkError, NetlinkTransportError */
  dump(operation: string, command: number, write: (writer: MessageWriter) => void): GenericPayload[] {
    return this.netlink
      .dump(operation, (writer) => {
        this.begin(writer, command);
        write(writer);
        writer.end();
      })
      .map(({ payload }) => parseGeneric(payload));
  }

  close(): void {
    this.netlink.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** @returns undefined when the kernel knows no family of that name and has no module for it */
export function findFamily(netlink: NetlinkSocket, name: string): GenericFamily | undefined {
  try {
    const [answer] = netlink.request(`find generic netlink family ${name}`, (writer) => writeGetFamily(writer, name));
    return answer && parseFamily(answer.payload);
  } catch (error) {
    if (error instanceof NetlinkError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Forgets the ids that were resolved so far: for callers that were told that a family is gone. */
export function forgetFamilies(): void {
  resolved.clear();
}
