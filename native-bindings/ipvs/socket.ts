/** IPVS of one network namespace, over generic netlink. */
import { GenericSocket } from "../generic/socket.js";
import { type NetlinkError, NetlinkFormatError } from "../netlink/errors.js";
import { MessageWriter } from "../netlink/message-writer.js";
import {
  IPVS_CMD_DEL_DEST,
  IPVS_CMD_DEL_SERVICE,
  IPVS_CMD_FLUSH,
  IPVS_CMD_GET_CONFIG,
  IPVS_CMD_GET_DEST,
  IPVS_CMD_GET_SERVICE,
  IPVS_CMD_NEW_DEST,
  IPVS_CMD_NEW_SERVICE,
  IPVS_CMD_SET_CONFIG,
  IPVS_CMD_SET_DEST,
  IPVS_CMD_SET_SERVICE,
  IPVS_FAMILY_NAME,
} from "./constants.js";
import { parseDestination, writeDestination } from "./destination-codec.js";
import {
  describeEnd,
  describeServiceKey,
  type IpvsDestination,
  type IpvsDestinationReport,
  type IpvsService,
  type IpvsServiceKey,
  type IpvsServiceReport,
  type IpvsTimeouts,
} from "./objects.js";
import { parseService, writeService, writeServiceKey } from "./service-codec.js";
import { parseTimeouts, writeTimeouts } from "./timeouts-codec.js";

/** One write. The kernel refuses what is there already (EEXIST) and what is not there (ESRCH for services, ENOENT for destinations). */
export type IpvsOperation =
  | { readonly kind: "add-service" | "set-service"; readonly service: IpvsService }
  | { readonly kind: "delete-service"; readonly key: IpvsServiceKey }
  | {
      readonly kind: "add-destination" | "set-destination" | "delete-destination";
      readonly key: IpvsServiceKey;
      readonly destination: IpvsDestination;
    };

const COMMANDS: Readonly<Record<IpvsOperation["kind"], number>> = {
  "add-service": IPVS_CMD_NEW_SERVICE,
  "set-service": IPVS_CMD_SET_SERVICE,
  "delete-service": IPVS_CMD_DEL_SERVICE,
  "add-destination": IPVS_CMD_NEW_DEST,
  "set-destination": IPVS_CMD_SET_DEST,
  "delete-destination": IPVS_CMD_DEL_DEST,
};

export class IpvsSocket implements Disposable {
  private constructor(readonly generic: GenericSocket) {}

  /** @returns undefined when this kernel has no IPVS. @throws NetlinkError, SystemCallError */
  static open(): IpvsSocket | undefined {
    const generic = GenericSocket.open(IPVS_FAMILY_NAME);
    return generic && new IpvsSocket(generic);
  }

  /**
   * Sends the operations in order, many to a system call; each is taken or refused on its own.
   * @returns the refused ones by index
   * @throws NetlinkTransportError
   */
  write(operations: readonly IpvsOperation[]): Map<number, NetlinkError> {
    const writer = new MessageWriter(Math.max(256, operations.length * 176));
    for (const operation of operations) writeOperation(this.generic, writer, operation);
    return this.generic.netlink.batch(writer, (index) => describeOperation(operations[index]!));
  }

  services(): IpvsServiceReport[] {
    return this.generic
      .dump("dump IPVS services", IPVS_CMD_GET_SERVICE, () => {})
      .map(({ attributes }) => parseService(attributes));
  }

  /** @throws NetlinkError, NetlinkTransportError; for a service that is not there the answer is empty */
  destinations(key: IpvsServiceKey): IpvsDestinationReport[] {
    return this.generic
      .dump(`dump destinations of IPVS service ${describeServiceKey(key)}`, IPVS_CMD_GET_DEST, (writer) =>
        writeServiceKey(writer, key),
      )
      .map(({ attributes }) => parseDestination(attributes));
  }

  timeouts(): IpvsTimeouts {
    const [answer] = this.generic.request("get IPVS timeouts", IPVS_CMD_GET_CONFIG, () => {});
    if (!answer) throw new NetlinkFormatError("no IPVS configuration in the kernel's answer");
    return parseTimeouts(answer.attributes);
  }

  setTimeouts(timeouts: IpvsTimeouts): void {
    this.generic.request("set IPVS timeouts", IPVS_CMD_SET_CONFIG, (writer) => writeTimeouts(writer, timeouts));
  }

  /** Removes every service of the namespace. */
  flush(): void {
    this.generic.request("flush IPVS", IPVS_CMD_FLUSH, () => {});
  }

  close(): void {
    this.generic.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Appends one operation as a message. */
export function writeOperation(
  generic: Pick<GenericSocket, "begin">,
  writer: MessageWriter,
  operation: IpvsOperation,
): void {
  generic.begin(writer, COMMANDS[operation.kind]);
  if ("service" in operation) writeService(writer, operation.service);
  else writeServiceKey(writer, operation.key);
  if ("destination" in operation) writeDestination(writer, operation.destination);
  writer.end();
}

/** In words, for error texts: `set destination 10.0.0.5:0 weight 0 of IPVS service fwmark 256`. */
export function describeOperation(operation: IpvsOperation): string {
  const [verb = ""] = operation.kind.split("-");
  if ("destination" in operation) {
    const { address, port, weight } = operation.destination;
    return `${verb} destination ${describeEnd(address, port)} weight ${weight} of IPVS service ${describeServiceKey(operation.key)}`;
  }
  const key = "service" in operation ? operation.service.key : operation.key;
  return `${verb} IPVS service ${describeServiceKey(key)}`;
}
