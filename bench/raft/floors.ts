/** What the machine itself takes: a durable write, and a call over TLS. */
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { selfSignedCertificate } from "../../src/security/pki/self-signed.js";

const WRITES = 400;
const TRIPS = 2000;
const BYTES = 512;

/** Writes of 512 bytes into an allocated file, each durable before the next. @returns times, ms */
export async function durableWrites(folder: string): Promise<readonly number[]> {
  const path = join(folder, `floor-${process.pid}`);
  const made = await open(path, "w");
  await made.write(Buffer.alloc(BYTES * WRITES));
  await made.sync();
  await made.close();
  const file = await open(path, constants.O_RDWR | constants.O_DSYNC);
  try {
    const bytes = Buffer.alloc(BYTES, 1);
    const times: number[] = [];
    for (let write = 0; write < WRITES; write++) {
      const begun = performance.now();
      await file.write(bytes, 0, BYTES, write * BYTES);
      times.push(performance.now() - begun);
    }
    return times;
  } finally {
    await file.close();
    await rm(path);
  }
}

/** Round trips of 512 bytes over TLS on loopback, within one process. @returns times, ms */
export async function tlsRoundTrips(): Promise<readonly number[]> {
  const { certificatePem, keyPem } = selfSignedCertificate(
    { organization: "bench", organizationalUnit: "swarm-manager", commonName: "bench", dnsNames: ["bench"] },
    Date.now(),
  );
  const server = createTlsServer({ cert: certificatePem, key: keyPem }, (socket) => {
    socket.setNoDelay();
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  socket.setNoDelay();
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  const bytes = Buffer.alloc(BYTES, 1);
  const times: number[] = [];
  for (let trip = 0; trip < TRIPS; trip++) {
    const begun = performance.now();
    let missing = BYTES;
    await new Promise<void>((back) => {
      const take = (chunk: Buffer) => {
        missing -= chunk.length;
        if (missing > 0) return;
        socket.off("data", take);
        back();
      };
      socket.on("data", take);
      socket.write(bytes);
    });
    times.push(performance.now() - begun);
  }
  socket.destroy();
  server.close();
  return times;
}
