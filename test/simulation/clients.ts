/** Clients inside the managers: what they ask, what they are told, and what must be true of that at once. */
import { Config } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { RaftError } from "../../src/raft/node/raft.js";
import { versionOf } from "../../src/store/change.js";
import { StoreError } from "../../src/store/errors.js";
import type { StoreReader } from "../../src/store/reader.js";
import type { Store } from "../../src/store/store.js";
import { History, type OpenOperation } from "../linearizability/history.js";
import type { ObjectInput, ObjectOutput } from "../linearizability/versioned-object-model.js";
import type { ClientAction } from "./actions.js";
import type { SimulatedProcess } from "./process-host.js";
import type { Rules } from "./rules.js";
import type { Trace } from "./trace.js";
import type { VirtualTime } from "./virtual-time.js";

/** A manager as clients reach it. */
export interface Service {
  readonly name: string;
  readonly process: SimulatedProcess;
  readBarrier(): Promise<void>;
  readonly store: Store;
}

/** Two objects that are always changed together. */
const PAIR = ["pair-a", "pair-b"] as const;
const PAIR_KEY = "pair";

export class Clients {
  readonly history = new History<ObjectInput, ObjectOutput>();
  readonly #time: VirtualTime;
  readonly #trace: Trace;
  readonly #rules: Rules;
  /** By client and key: the version that it saw last. */
  readonly #seen = new Map<string, number>();
  /** By process and key: no local read may go back behind it. */
  readonly #local = new WeakMap<SimulatedProcess, Map<string, number>>();
  /** By key and version: what was seen there. */
  readonly #values = new Map<string, string>();
  #count = 0;
  readonly outcomes = { answered: 0, refused: 0, nothing: 0, unknown: 0 };

  constructor(time: VirtualTime, trace: Trace, rules: Rules) {
    this.#time = time;
    this.#trace = trace;
    this.#rules = rules;
  }

  perform(action: ClientAction, service: Service): void {
    const value = `v${++this.#count}`;
    if (action.ask === "stale-read") this.#readLocally(action, service);
    else if (action.ask === "pair") void this.#run(action, service, PAIR_KEY, { kind: "put", value }, value);
    else void this.#run(action, service, `k${action.key}`, this.#inputOf(action, value), value);
  }

  /** Writes a value of its own, from outside of the plan. @returns when it is acknowledged; rejects otherwise */
  async put(service: Service, id: string): Promise<void> {
    const value = `v${++this.#count}`;
    await service.store.update((tx) => putValue(tx, id, value));
  }

  #inputOf(action: ClientAction, value: string): ObjectInput {
    const seen = this.#seen.get(`${action.client}/k${action.key}`);
    switch (action.ask) {
      case "read":
      case "stale-read":
        return { kind: "read" };
      case "create":
      case "swap":
        return { kind: action.ask, value };
      case "update":
      case "pair":
        return { kind: "put", value };
      case "update-seen":
        return { kind: "update", value, ifVersion: seen ?? 1 };
      case "remove":
        return seen === undefined ? { kind: "remove" } : { kind: "remove", ifVersion: seen };
    }
  }

  async #run(action: ClientAction, service: Service, key: string, input: ObjectInput, value: string): Promise<void> {
    const client = `c${action.client}`;
    const operation = this.history.call(client, key, input, this.#time.stamp());
    const end = (outcome: "answered" | "refused" | "nothing" | "unknown", told: string) => {
      this.outcomes[outcome]++;
      this.#trace.note(
        client,
        `${input.kind} ${key} ${"value" in input ? `${value} ` : ""}at ${service.name}: ${told}`,
      );
    };
    let isUnderWay = false;
    try {
      if (input.kind === "read" || action.barrier) await service.readBarrier();
      if (!service.process.isAlive) return;
      let output: ObjectOutput;
      if (input.kind === "read") {
        output = this.#look(service, key);
      } else {
        isUnderWay = true;
        const from = await service.store.update((tx) => change(tx, key, input));
        if (!service.process.isAlive) return;
        output = this.#done(service, key, value, input, from);
      }
      this.#saw(action.client, key, output);
      operation.answer(output, this.#time.stamp());
      end("answered", JSON.stringify(output));
    } catch (error) {
      if (!service.process.isAlive) return;
      this.#refused(error, operation, isUnderWay && action.barrier, isUnderWay, end);
    }
  }

  #refused(
    error: unknown,
    operation: OpenOperation<ObjectInput, ObjectOutput>,
    isUpToDate: boolean,
    isUnderWay: boolean,
    end: (outcome: "refused" | "nothing" | "unknown", told: string) => void,
  ): void {
    if (error instanceof StoreError) {
      const { code } = error;
      if (isUpToDate && (code === "exists" || code === "not-found" || code === "out-of-sequence")) {
        operation.answer({ kind: "refused", reason: code }, this.#time.stamp());
        end("refused", code);
      } else {
        operation.nothing();
        end("nothing", code);
      }
    } else if (error instanceof RaftError) {
      const isCertain = !isUnderWay || error.code === "not-leader" || error.code === "busy";
      if (isCertain) operation.nothing();
      else operation.unknown();
      end(isCertain ? "nothing" : "unknown", error.code);
    } else {
      this.#rules.broken("errors have names", error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  #look(service: Service, key: string): ObjectOutput {
    return service.store.view((read) => {
      this.#checkPair(service, read);
      const object = read.get("config", key === PAIR_KEY ? PAIR[0] : key);
      return object ? { kind: "found", value: textOf(object), version: versionOf(object) } : { kind: "absent" };
    });
  }

  #done(service: Service, key: string, value: string, input: ObjectInput, from: number | undefined): ObjectOutput {
    const now = this.#look(service, key);
    const version = now.kind === "found" && now.value === value ? now.version : undefined;
    if (input.kind === "swap" && from !== undefined) return { kind: "swapped", from, version };
    return { kind: "done", version };
  }

  #saw(client: number, key: string, output: ObjectOutput): void {
    const version = output.kind === "found" || output.kind === "done" ? output.version : undefined;
    if (version !== undefined) this.#seen.set(`${client}/${key}`, version);
    if (output.kind === "found") this.#checkValue(key, output.version, output.value);
  }

  #readLocally(action: ClientAction, service: Service): void {
    const key = `k${action.key}`;
    const output = this.#look(service, key);
    if (output.kind !== "found") return;
    let versions = this.#local.get(service.process);
    if (!versions) {
      versions = new Map();
      this.#local.set(service.process, versions);
    }
    const before = versions.get(key) ?? 0;
    if (output.version < before) {
      this.#rules.broken("versions grow", `${key} at ${service.name} was @${before} and is @${output.version}`);
    }
    versions.set(key, output.version);
    this.#saw(action.client, key, output);
  }

  #checkPair(service: Service, read: StoreReader): void {
    const [a, b] = PAIR.map((id) => read.get("config", id));
    if (a === undefined && b === undefined) return;
    if (!a || !b || textOf(a) !== textOf(b) || versionOf(a) !== versionOf(b)) {
      this.#rules.broken(
        "a transaction is all or nothing",
        `${service.name} holds ${a ? textOf(a) : "nothing"} and ${b ? textOf(b) : "nothing"} of a pair`,
      );
    }
  }

  #checkValue(key: string, version: number, value: string): void {
    const place = `${key}@${version}`;
    const known = this.#values.get(place);
    if (known === undefined) this.#values.set(place, value);
    else if (known !== value) this.#rules.broken("a version has one value", `${place} was ${known}, and is ${value}`);
  }
}

type Tx = Parameters<Parameters<Store["update"]>[0]>[0];

/** @returns the version that a swap replaced */
function change(tx: Tx, key: string, input: Exclude<ObjectInput, { kind: "read" }>): number | undefined {
  if (key === PAIR_KEY) {
    for (const id of PAIR) putValue(tx, id, "value" in input ? input.value : "");
    return undefined;
  }
  const current = tx.get("config", key);
  switch (input.kind) {
    case "create":
      tx.create("config", objectOf(key, input.value));
      return undefined;
    case "put":
      putValue(tx, key, input.value);
      return undefined;
    case "swap":
      if (!current) throw new StoreError("not-found", "config", key);
      tx.update("config", withValue(current, input.value));
      return versionOf(current);
    case "update":
      tx.update("config", {
        ...withValue(current ?? objectOf(key, ""), input.value),
        meta: { createdAt: undefined, updatedAt: undefined, version: { index: input.ifVersion ?? 0 } },
      });
      return undefined;
    case "remove":
      if (!current) throw new StoreError("not-found", "config", key);
      if (input.ifVersion !== undefined && versionOf(current) !== input.ifVersion) {
        throw new StoreError("out-of-sequence", "config", key);
      }
      tx.remove("config", key);
      return undefined;
  }
}

function putValue(tx: Tx, id: string, value: string): void {
  const current = tx.get("config", id);
  if (current) tx.update("config", withValue(current, value));
  else tx.create("config", objectOf(id, value));
}

function objectOf(id: string, value: string): Config {
  return Config.fromPartial({ id, spec: { annotations: { name: id }, data: Buffer.from(value) } });
}

function withValue(object: Config, value: string): Config {
  return { ...object, spec: { ...object.spec!, data: Buffer.from(value) } };
}

export function textOf(object: Config): string {
  return object.spec?.data.toString() ?? "";
}
