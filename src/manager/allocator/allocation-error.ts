/** What must change before it is worth another try. */
export interface Hindrance {
  /** A network without a subnet or without a free address, a service without an endpoint, a port, the ingress network. */
  readonly kind: "subnet" | "address" | "service" | "port" | "ingress";
  /** Of the network or service; "" for the others. */
  readonly id: string;
}

/** Why something could not be given out; the text goes to people. */
export class AllocationError extends Error {
  override readonly name = "AllocationError";
  /** Undefined: only whoever asked can change it. */
  readonly hindrance: Hindrance | undefined;

  constructor(message: string, hindrance?: Hindrance) {
    super(message);
    this.hindrance = hindrance;
  }
}
