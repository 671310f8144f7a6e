/** A manager of the simulated cluster: all that a running member of the log is, served as it serves nodes and people. */
import { Metadata } from "@grpc/grpc-js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { type CallContext, remember } from "../../src/api/server-call.js";
import { RunningMember } from "../../src/manager/member/running-member.js";
import { knownNodes } from "../../src/manager/serving/known-nodes.js";
import { Services } from "../../src/manager/serving/services.js";
import { CertificateIdentity, LocalIdentity } from "../../src/security/identity.js";
import type { ManagerSurroundings } from "../simulation/manager.js";
import type { Manager } from "../simulation/simulated-host.js";
import type { ClusterWorld } from "./cluster-world.js";
import { plantedStore } from "./planted.js";
import { SimulatedClient, SimulatedServer } from "./simulated-grpc.js";

const REMOTE_PORT = 4242;
const FINEST_MS = 0.01;
const SOCKET = "/run/tswarm/control.sock";

type ControlMethod = keyof typeof ControlService;

export class SimulatedManager {
  readonly member: RunningMember;
  readonly name: string;
  readonly #people: SimulatedServer;

  constructor(world: ClusterWorld, manager: Manager, { host, process, random }: ManagerSurroundings) {
    this.name = host.name;
    const { raft } = manager;
    const store = plantedStore(manager.store, world.flaws);
    const { nodeId } = host;
    const place = { process, name: host.name };
    const log = (line: string) => {
      if (process.isAlive) world.trace.note(host.name, line);
    };
    const clusterId = () => store.view((read) => read.all("cluster"))[0]?.id;
    const identity = new LocalIdentity(
      () => nodeId,
      new CertificateIdentity(
        clusterId,
        knownNodes(() => store),
      ),
    );
    const subject = { nodeId, organizationalUnit: "swarm-manager", organization: world.clusterId };
    this.member = new RunningMember({
      store,
      raft: raft as never,
      keys: { isLocked: false, version: 0, reseal: async () => undefined },
      clock: process,
      // Timers of a real host are no finer: what rounding leaves of a wait would be waited for without end.
      steadyClock: {
        now: () => world.time.now,
        after: (delayMs, action) => process.after(Math.max(delayMs, FINEST_MS), action),
      },
      random: random.bytes,
      identity,
      channelTo: (address) => new SimulatedClient(world.exchange, place, address, () => subject).client,
      nodeId,
      address: host.name,
      remotePort: REMOTE_PORT,
      defaults: { heartbeatPeriodMs: world.heartbeatMs, dataPathPort: 4789 },
      newCluster: world.newCluster,
      onLeaderChange: () => services.leaderChanged(),
      log,
    });
    const { served, watch } = this.member;
    const services = new Services({
      nodeId,
      phase: "running",
      autolock: false,
      raft,
      unlock: async () => undefined,
      leave: async () => undefined,
      member: served,
      identity,
      watch,
      log,
    });
    const server = new SimulatedServer(place);
    services.addToRemotePort(server as never);
    world.exchange.plug(server);
    this.#people = new SimulatedServer(place);
    services.addToControlSocket(this.#people as never);
  }

  /** A call by the control socket of this host. Rejects with what the caller is told; never ends when the manager dies. */
  ask<Response>(name: ControlMethod, request: object): Promise<Response> {
    const { path, requestSerialize, responseSerialize, responseDeserialize } = ControlService[name] as {
      readonly path: string;
      readonly requestSerialize: (value: never) => Buffer;
      readonly responseSerialize: (value: never) => Buffer;
      readonly responseDeserialize: (bytes: Buffer) => unknown;
    };
    const metadata = new Metadata();
    const context: CallContext = { path, metadata, peer: SOCKET, isLocal: true };
    remember(context);
    const call = {
      request: requestSerialize(request as never),
      metadata,
      getPath: () => path,
      getPeer: () => SOCKET,
      getAuthContext: () => ({}),
      getDeadline: () => Number.POSITIVE_INFINITY,
      sendMetadata: () => undefined,
      on: () => undefined,
      once: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    };
    return new Promise((resolve, reject) => {
      this.#people.find(path)!.handler(call, (error: unknown, response: unknown) => {
        if (error) reject(Object.assign(new Error((error as { details: string }).details), error));
        else {
          const bytes = Buffer.isBuffer(response) ? response : responseSerialize(response as never);
          resolve(responseDeserialize(bytes) as Response);
        }
      });
    });
  }
}
