/** Light agents, a process of their own, driven over its channel. */
import { createSecureContext, type SecureContext } from "node:tls";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import { NodeIdentityService } from "../../src/api/generated/tswarm/v1/identity.js";
import { makeCsr } from "../../src/security/pki/csr.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { type AgentCounts, LightAgent } from "./light-agent.js";

export type AgentsOrder =
  /** New nodes of the cluster, by its token. */
  | { readonly kind: "join"; readonly address: string; readonly token: string; readonly count: number }
  /** Those that have no session yet, spread over managers. */
  | { readonly kind: "connect"; readonly addresses: readonly string[] }
  /** Answered when the manager has written down so many running tasks, and no more are assigned. */
  | { readonly kind: "running"; readonly count: number }
  | { readonly kind: "counts" };

export interface AgentsReply {
  readonly counts: AgentCounts;
  /** When it was so, ms since 1970. */
  readonly atMs: number;
  /** CPU time of this process so far, ms. */
  readonly cpuMs: number;
  readonly error?: string;
}

const AT_ONCE = 16;
const LOOK_MS = 2;
const PATIENCE_MS = 120_000;

const counts: AgentCounts = { sessions: 0, tasks: 0, running: 0, ends: 0, reason: "" };
const agents: { readonly agent: LightAgent; readonly context: SecureContext }[] = [];

async function inLanes(count: number, run: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** All with one key: making one takes longer than signing a certificate. */
async function join(address: string, token: string, count: number): Promise<void> {
  const client = openChannel(grpcTarget(address), trustingCredentials(), true);
  const { csrPem, keyPem } = makeCsr();
  const request = { token, csr: Buffer.from(csrPem), availability: 0 };
  await inLanes(count, async (index) => {
    const joined = await callUnary(client, NodeIdentityService.join, request, { timeoutMs: PATIENCE_MS });
    const context = createSecureContext({ cert: joined.certificate, key: keyPem, ca: joined.rootCa });
    agents.push({ agent: new LightAgent(`host${index}`, counts), context });
  });
  client.close();
}

async function connect(addresses: readonly string[]): Promise<void> {
  const waiting = agents.splice(0);
  await inLanes(waiting.length, async (index) => {
    const { agent, context } = waiting[index]!;
    await agent.connect(addresses[index % addresses.length]!, context);
  });
}

async function running(count: number): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (counts.running !== count || counts.tasks !== count) {
    if (Date.now() > end) throw new Error(`it never came to ${count} tasks: ${JSON.stringify(counts)}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

async function carryOut(order: AgentsOrder): Promise<void> {
  if (order.kind === "join") await join(order.address, order.token, order.count);
  else if (order.kind === "connect") await connect(order.addresses);
  else if (order.kind === "running") await running(order.count);
}

process.on("message", (order: AgentsOrder) => {
  const reply = (error?: string) => {
    const { user, system } = process.cpuUsage();
    const answer: AgentsReply = {
      counts,
      atMs: Date.now(),
      cpuMs: (user + system) / 1000,
      ...(error ? { error } : {}),
    };
    process.send!(answer);
  };
  carryOut(order).then(
    () => reply(),
    (error: Error) => reply(error.message),
  );
});
process.on("disconnect", () => process.exit());
