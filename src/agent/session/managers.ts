/** The ways of one node to the managers: a session and a link, each with whichever manager answers it. */
import { type Channel, Client, connectivityState, credentials } from "@grpc/grpc-js";
import { AgentLinkClient } from "../../api/generated/tswarm/v1/link.js";
import type { TlsIdentity } from "../../security/tls/tls-identity.js";
import type { OpenLink } from "../link/link-client.js";
import type { BrokerConnection } from "../logs/log-listener.js";
import { type DispatcherTransport, dispatcherClientOn, grpcDispatcher } from "./dispatcher-transport.js";
import { ManagerChannels } from "./manager-channels.js";
import { ManagerChoice, type ManagerFailure, type ManagerList } from "./manager-choice.js";
import { streamTransport } from "./stream-transport.js";

export interface ManagersOptions {
  /** Of this node's agent. */
  readonly identity: TlsIdentity;
  readonly list: ManagerList;
  readonly random: () => number;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** The session heard nothing of this manager any more. */
  readonly onSilent: (address: string) => void;
}

const TRY_STREAM_AGAIN_MS = 600_000;

export class Managers {
  readonly #options: ManagersOptions;
  readonly #channels: ManagerChannels;
  readonly #endRenewals: () => void;
  readonly #forSession: ManagerChoice;
  readonly #forLink: ManagerChoice;
  #sessionAddress: string | undefined;
  /** Managers that do not know tswarm's stream, and until when it is not tried: they may be replaced by newer ones. */
  readonly #withoutStream = new Map<string, number>();

  constructor(options: ManagersOptions) {
    this.#options = options;
    const { identity } = options;
    this.#channels = new ManagerChannels(identity.channelCredentials());
    this.#endRenewals = identity.onChange(() => this.#channels.renew());
    this.#forSession = new ManagerChoice(options.list, options.random);
    this.#forLink = new ManagerChoice(options.list, options.random);
  }

  /** @throws Error when no manager is known */
  session(): DispatcherTransport {
    const { now, onSilent } = this.#options;
    const connection = this.#channels.connect(this.#forSession.pick(now()));
    const { address } = connection;
    this.#sessionAddress = address;
    const client = dispatcherClientOn(connection.channel);
    const calls = grpcDispatcher(client, (failure) => {
      connection.release(failure?.silent);
      if (!failure) return;
      this.#forSession.failed(address, failure.silent ? "silent" : "refused", now());
      if (failure.silent) onSilent(address);
    });
    if (now() < (this.#withoutStream.get(address) ?? 0)) return calls;
    return streamTransport(client, calls, () => this.#withoutStream.set(address, now() + TRY_STREAM_AGAIN_MS));
  }

  /** The manager that the newest session was begun with; undefined before the first. */
  get sessionAddress(): string | undefined {
    return this.#sessionAddress;
  }

  /** To the manager of the session. @throws Error before the first one */
  logBroker(): BrokerConnection {
    if (this.#sessionAddress === undefined) throw new Error("there is no session with a manager");
    const { address, channel, release } = this.#channels.connect(this.#sessionAddress);
    const client = new Client(channel.getTarget(), credentials.createInsecure(), { channelOverride: channel });
    return { address, client, release: () => release() };
  }

  /** @throws Error when no manager is known */
  link(): OpenLink {
    const { now } = this.#options;
    const { address, channel, release } = this.#channels.connect(this.#forLink.pick(now()));
    const client = new AgentLinkClient(channel.getTarget(), credentials.createInsecure(), { channelOverride: channel });
    return {
      address,
      stream: client.link(),
      isConnected: () => isReady(channel),
      close: (failure?: ManagerFailure) => {
        release(failure === "silent");
        if (failure) this.#forLink.failed(address, failure, now());
      },
    };
  }

  close(): void {
    this.#endRenewals();
    this.#channels.close();
  }
}

function isReady(channel: Channel): boolean {
  return channel.getConnectivityState(false) === connectivityState.READY;
}
