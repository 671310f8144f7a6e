/** For gRPC servers that listen by themselves: certificates change without a restart. */
import type { SecureServerOptions } from "node:http2";
import type { SecureContextOptions } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";

export class SwappableServerCredentials extends ServerCredentials {
  /** @param context undefined: connections are dropped until {@link use} */
  constructor(options: SecureServerOptions, context: SecureContextOptions | undefined) {
    super(options, context);
  }

  /** For connections from now on. */
  use(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
