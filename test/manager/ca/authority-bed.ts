/** A leader's certificate authority behind a real port for nodes, over a log in memory; time is the test's. */
import { type ChannelCredentials, type Client, type ServiceError, status } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../../src/api/client-call.js";
import { CAService, NodeCAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import type { Cluster, Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import {
  type JoinClusterResponse,
  NodeIdentityService,
  type RenewCertificateResponse,
} from "../../../src/api/generated/tswarm/v1/identity.js";
import type { InitClusterRequest } from "../../../src/api/generated/tswarm/v1/node.js";
import { bootstrapCluster } from "../../../src/manager/bootstrap.js";
import { caService } from "../../../src/manager/ca/ca-service.js";
import { LeaderAuthority, type LeaderAuthorityOptions } from "../../../src/manager/ca/leader-authority.js";
import { firstManagerCertificate, newCluster } from "../../../src/manager/ca/new-cluster.js";
import { isRemoved } from "../../../src/manager/ca/removed-nodes.js";
import { ControlLoop } from "../../../src/manager/loop/control-loop.js";
import { RemoteServer } from "../../../src/manager/serving/remote-server.js";
import { CertificateIdentity } from "../../../src/security/identity.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { TlsIdentity, verifyingCredentials } from "../../../src/security/tls/tls-identity.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock, seededBytes } from "../manual-clock.js";

const TIMEOUT_MS = 60_000;
export const MANAGER_ID = "node1".padEnd(25, "0");

export interface BedOptions {
  readonly request?: Partial<InitClusterRequest>;
  readonly external?: LeaderAuthorityOptions["external"];
  /** Its loops do not run. */
  readonly isIdle?: boolean;
}

export class AuthorityBed {
  // Certificates are checked by the system's time too.
  readonly clock = new ManualClock(Date.now());
  readonly store = new Store(new MemoryProposer(), this.clock);
  readonly random = seededBytes(7);
  readonly logged: string[] = [];
  readonly authority: LeaderAuthority;
  readonly manager: TlsIdentity;
  readonly callers: CertificateIdentity;
  readonly server: RemoteServer;
  readonly loops: readonly ControlLoop[];
  port = 0;
  readonly #clients: Client[] = [];
  readonly #begin: ReturnType<typeof newCluster>;

  private constructor(options: BedOptions) {
    const { clock, store, random } = this;
    const log = (line: string) => this.logged.push(line);
    const defaults = { heartbeatPeriodMs: 5000, dataPathPort: 4789 };
    this.#begin = newCluster({ request: options.request ?? {}, defaults, random, nowMs: clock.now() });
    this.manager = new TlsIdentity(firstManagerCertificate(this.#begin, MANAGER_ID, clock.now()));
    this.callers = new CertificateIdentity(() => this.#begin.cluster.id, {
      isRemoved: (id) => store.view((read) => isRemoved(read, id)),
      isManager: (id) => {
        const node = this.node(id);
        return node && (node.role === NodeRole.MANAGER || node.spec?.desiredRole === NodeRole.MANAGER);
      },
    });
    const external = options.external ?? {
      sign: () => Promise.reject(new Error("no external authority was expected")),
    };
    this.authority = new LeaderAuthority({ store, clock, random, identity: this.callers, external, log });
    this.loops = this.authority.reconcilers.map((one) => new ControlLoop(store, clock, [one], log));
    this.server = new RemoteServer({
      identity: this.manager,
      callers: this.callers,
      log,
    });
    this.server.addService(NodeIdentityService, this.authority.nodeIdentity);
    this.server.addService(NodeCAService, this.authority.nodeCa);
    this.server.addService(CAService, caService(store, log));
  }

  static async start(t: ExecutionContext, options: BedOptions = {}): Promise<AuthorityBed> {
    const bed = new AuthorityBed(options);
    t.teardown(() => bed.stop());
    await bootstrapCluster(bed.store, bed.random, MANAGER_ID, () => bed.#begin);
    if (!options.isIdle) for (const loop of bed.loops) loop.start();
    bed.port = await bed.server.listen("127.0.0.1:0");
    return bed;
  }

  get cluster(): Cluster {
    return this.store.view((read) => read.all("cluster"))[0]!;
  }

  get rootPem(): string {
    return this.cluster.rootCa!.caCert.toString();
  }

  get tokens(): { readonly worker: string; readonly manager: string } {
    return this.cluster.rootCa!.joinTokens!;
  }

  get nodes(): readonly Node[] {
    return this.store.view((read) => read.all("node"));
  }

  node(id: string): Node | undefined {
    return this.store.view((read) => read.get("node", id));
  }

  updateNode(id: string, change: (node: Node) => Node): Promise<void> {
    return this.store.update((tx) => tx.update("node", change(tx.get("node", id)!)));
  }

  updateCluster(change: (cluster: Cluster) => Cluster): Promise<void> {
    return this.store.update((tx) => tx.update("cluster", change(tx.all("cluster")[0]!)));
  }

  /** As a node that has no certificate. */
  get nobody(): ChannelCredentials {
    return verifyingCredentials(this.manager.current!.rootPem);
  }

  call<Request, Response>(
    credentials: ChannelCredentials,
    method: UnaryMethod<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const client = openChannel(`dns:127.0.0.1:${this.port}`, credentials, true);
    this.#clients.push(client);
    return callUnary(client, method, request, { timeoutMs: TIMEOUT_MS });
  }

  async join(token: string, csr = makeCsr()): Promise<JoinClusterResponse & { readonly identity: TlsIdentity }> {
    const request = { token, csr: Buffer.from(csr.csrPem), availability: 0 };
    const answer = await this.call(this.nobody, NodeIdentityService.join, request);
    return { ...answer, identity: identityOf(answer, csr.keyPem) };
  }

  async renew(
    identity: TlsIdentity,
    role: NodeRole,
    csr = makeCsr(),
  ): Promise<RenewCertificateResponse & { readonly identity: TlsIdentity }> {
    const request = { role, csr: Buffer.from(csr.csrPem) };
    const answer = await this.call(identity.channelCredentials(), NodeIdentityService.renew, request);
    return { ...answer, identity: identityOf(answer, csr.keyPem) };
  }

  /** Lets time pass, and everything that is to be done be done. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.idle();
  }

  async idle(): Promise<void> {
    for (const loop of this.loops) await loop.idle();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    this.authority.stop();
    await Promise.all(this.loops.map((loop) => loop.stop()));
    await this.server.shutDown();
  }
}

function identityOf(
  { certificate, rootCa }: Pick<JoinClusterResponse, "certificate" | "rootCa">,
  keyPem: string,
): TlsIdentity {
  return new TlsIdentity({ certificatePem: certificate.toString(), keyPem, rootPem: rootCa.toString() });
}

/** @returns "OK", or the code and text that the call ended with */
export async function outcomeOf(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return "OK";
  } catch (error) {
    const { code, details } = error as ServiceError;
    return `${status[code]}: ${details}`;
  }
}
