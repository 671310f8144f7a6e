/** TLS on sockets of this host. What is shown there is self-made: it encrypts, it proves nothing. Nodes meet by ./tls. */
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import type { CertifiedKey } from "./pki/certified-key.js";

export function serverCredentials({ certificatePem, keyPem }: CertifiedKey): ServerCredentials {
  return ServerCredentials.createSsl(
    null,
    [{ cert_chain: Buffer.from(certificatePem), private_key: Buffer.from(keyPem) }],
    false,
  );
}

let trusting: ChannelCredentials | undefined;

/** Accepts any certificate. Shared by all channels: to make them takes some 10 ms. */
export function trustingCredentials(): ChannelCredentials {
  trusting ??= ChannelCredentials.createSsl(null, null, null, { rejectUnauthorized: false });
  return trusting;
}

/** As grpc-js names a peer. @param address a socket's absolute path, or HOST:PORT */
export function grpcTarget(address: string): string {
  return address.startsWith("/") ? `unix:${address}` : `dns:${address}`;
}
