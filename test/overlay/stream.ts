import { once } from "node:events";
import type { ExecutionContext } from "ava";
import { openNamespace } from "../../netns/namespace.js";
import { connectTcp, listenTcp, portOf } from "../../netns/sockets.js";

/** Sends so many bytes over TCP to a listener in another namespace. @returns how many came, the answer, and who called by what the listener saw */
export async function sendStream(
  t: ExecutionContext,
  {
    from,
    to,
    address,
    bytes,
  }: { readonly from: string; readonly to: string; readonly address: string; readonly bytes: number },
) {
  using server = openNamespace(to);
  using client = openNamespace(from);
  let received = 0;
  const callers: (string | undefined)[] = [];
  const listener = await listenTcp(server, { address, port: 0 }, (connection) => {
    callers.push(connection.remoteAddress);
    connection.on("data", (chunk) => {
      received += chunk.length;
    });
    connection.on("end", () => connection.end("done"));
  });
  t.teardown(() => listener.close());
  const connection = connectTcp(client, { address, port: portOf(listener) });
  connection.end(Buffer.alloc(bytes, 7));
  const [answer] = (await once(connection, "data")) as [Buffer];
  return { received, answer: answer.toString(), callers };
}
