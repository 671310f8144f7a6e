/** Carries out steps. Synchronous: belongs in the data-plane Worker. */
import { writeFileSync } from "node:fs";
import { NetlinkError } from "../native-bindings/netlink/errors.js";
import { addLink, type RouteOperation } from "../native-bindings/route/index.js";
import { createNamespace, inNamespace, removeNamespace } from "../netns/namespace.js";
import { sysctlFile } from "../netns/sysctl.js";
import { type ApplyReport, describePlace, leftOut, refusal, type StepFailure } from "./apply-report.js";
import { isIpv6 } from "./ipv6.js";
import { HOST, type Place } from "./kernel-objects.js";
import { VXLAN } from "./names.js";
import { OpenPlaces } from "./open-places.js";
import { operationsOf, type SocketStep } from "./operations.js";
import { pause } from "./pause.js";
import type { Step } from "./steps.js";
import { type AddressStep, awaitUsable } from "./usable-addresses.js";
import { findVniHolders, removeVniHolder, VniTakenError } from "./vxlan-holder.js";

/**
 * Takes the steps in their order, those that follow each other in one namespace many to a system call. A refused step does
 * not keep the others from being tried, but for those that need what it should have made.
 * The host's namespace is the one that the calling thread is in.
 */
export function apply(steps: readonly Step[], nodeId: string): ApplyReport {
  using places = new OpenPlaces();
  const work = new Application(places, nodeId);
  for (const step of steps) work.take(step);
  work.flush();
  const late = awaitUsable(work.fresh, places).map((step) => refusal(step, LATE));
  const failures = [...work.failures, ...late];
  return { done: steps.length - failures.length, failures };
}

/** How long all steps together may wait for devices of removed namespaces to go, and between two tries. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 10;

const LATE = new Error("the kernel has it, and still drops packets to it");

/** Errors that say that a thing to remove is gone already. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "ESRCH", "EADDRNOTAVAIL"]);

class Application {
  readonly failures: StepFailure[] = [];
  /** IPv6 addresses that the kernel has taken. */
  readonly fresh: AddressStep[] = [];
  readonly #places: OpenPlaces;
  readonly #nodeId: string;
  /** Namespaces and links ("place link") that could not be made. */
  readonly #broken = new Set<string>();
  #patienceMs = PATIENCE_MS;
  #pending:
    | {
        readonly place: Place;
        readonly steps: SocketStep[];
        readonly operations: RouteOperation[];
        readonly owners: number[];
      }
    | undefined;

  constructor(places: OpenPlaces, nodeId: string) {
    this.#places = places;
    this.#nodeId = nodeId;
  }

  take(step: Step): void {
    const cause = this.#brokenNeed(step);
    if (cause !== undefined) {
      this.failures.push(leftOut(step, cause));
      for (const made of madeBy(step)) this.#broken.add(made);
      return;
    }
    try {
      if (isSocketStep(step)) {
        this.#collect(step);
        return;
      }
      this.flush();
      this.#execute(step);
    } catch (error) {
      this.#fail(step, error);
    }
  }

  /** Sends what has been collected. */
  flush(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (!pending) return;
    const refused = this.#places.get(pending.place).socket.executeAll(pending.operations);
    const failed = new Set<number>();
    for (const [operation, error] of refused) {
      const owner = pending.owners[operation]!;
      const step = pending.steps[owner]!;
      if (failed.has(owner) || isHarmless(step, error)) continue;
      failed.add(owner);
      this.#fail(step, error);
    }
    for (const [owner, step] of pending.steps.entries()) {
      if (step.kind === "replace-address" && isIpv6(step.object.prefix) && !failed.has(owner)) this.fresh.push(step);
    }
    if (pending.steps.some(({ kind }) => kind === "remove-link")) this.#places.forgetIndexes();
  }

  #collect(step: SocketStep): void {
    if (this.#pending?.place !== step.place) this.flush();
    // Links that go may take along those that later steps ask the index of.
    if (this.#pending && step.kind !== "remove-link" && this.#pending.steps.at(-1)?.kind === "remove-link")
      this.flush();
    const operations = this.#operations(step);
    this.#pending ??= { place: step.place, steps: [], operations: [], owners: [] };
    const owner = this.#pending.steps.push(step) - 1;
    for (const operation of operations) {
      this.#pending.operations.push(operation);
      this.#pending.owners.push(owner);
    }
  }

  #operations(step: SocketStep): readonly RouteOperation[] {
    try {
      return operationsOf(step, (link) => this.#places.indexOf(step.place, link));
    } catch (error) {
      if (isRemoval(step) && error instanceof NetlinkError && GONE.has(error.code)) return [];
      throw error;
    }
  }

  #execute(step: Exclude<Step, SocketStep>): void {
    switch (step.kind) {
      case "create-namespace":
        createNamespace(step.place).close();
        return;
      case "remove-namespace":
        this.#places.close(step.place);
        removeNamespace(step.place);
        return;
      case "create-bridge":
        this.#places.get(step.place).socket.execute(
          addLink({
            kind: "bridge",
            name: step.link,
            mac: step.mac,
            bridge: { stp: false, multicastSnooping: false },
          }),
        );
        return;
      case "create-vxlan":
        this.#createVxlan(step);
        return;
      case "create-veth": {
        const { link, mtu, peer } = step;
        const namespaceFd = this.#places.get(peer.place).fd;
        const end = { name: peer.link, mtu, namespaceFd, ...(peer.mac === undefined ? {} : { mac: peer.mac }) };
        this.#places.get(step.place).socket.execute(addLink({ kind: "veth", name: link, mtu, peer: end }));
        return;
      }
      case "set-sysctl":
        this.#setSysctl(step);
    }
  }

  #createVxlan(step: Extract<Step, { readonly kind: "create-vxlan" }>): void {
    const { link, mtu, vni, port, place } = step;
    // Asked of the host's socket, so that the device's UDP socket is the host's; it is born where it stays.
    const operation = addLink({
      kind: "vxlan",
      name: link,
      mtu,
      namespaceFd: this.#places.get(place).fd,
      vxlan: { vni, port, learning: false, proxy: true, l2Miss: false, l3Miss: false },
    });
    const { socket } = this.#places.get(HOST);
    for (;;) {
      try {
        socket.execute(operation);
        return;
      } catch (error) {
        if (!(error instanceof NetlinkError && error.code === "EEXIST")) throw error;
        this.#makeRoomForVni(vni, port, place, error);
      }
    }
  }

  /** @returns when it is worth another try. @throws VniTakenError */
  #makeRoomForVni(vni: number, port: number, place: Place, refusal: NetlinkError): void {
    const holders = findVniHolders(this.#nodeId, vni, port);
    const stale = holders.filter((holder) => holder.ours && holder.place !== place);
    if (stale.length > 0) {
      for (const holder of stale) removeVniHolder(holder);
      this.#places.forgetIndexes();
    } else if (holders.length === 0 && this.#patienceMs > 0) {
      // A namespace that somebody has removed takes its devices along some time later.
      this.#patienceMs -= PAUSE_MS;
      pause(PAUSE_MS);
    } else {
      throw new VniTakenError(vni, port, holders, refusal);
    }
  }

  #setSysctl({ place, object }: Extract<Step, { readonly kind: "set-sysctl" }>): void {
    const { path, value, optional } = object;
    try {
      inNamespace(this.#places.get(place).fd, () => writeFileSync(sysctlFile(path), value ?? ""));
    } catch (error) {
      if (optional && (error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
  }

  #fail(step: Step, error: unknown): void {
    if (!(error instanceof Error)) throw error;
    for (const made of madeBy(step)) this.#broken.add(made);
    this.failures.push(refusal(step, error, advice(step, error)));
  }

  #brokenNeed(step: Step): string | undefined {
    if (this.#broken.size === 0) return undefined;
    for (const { key, text } of neededBy(step)) if (this.#broken.has(key)) return text;
    return undefined;
  }
}

function isSocketStep(step: Step): step is SocketStep {
  switch (step.kind) {
    case "create-namespace":
    case "remove-namespace":
    case "create-bridge":
    case "create-vxlan":
    case "create-veth":
    case "set-sysctl":
      return false;
    default:
      return true;
  }
}

function isRemoval({ kind }: Step): boolean {
  return kind.startsWith("remove-");
}

/** What is to be removed is gone, or what is to be added is there. */
function isHarmless(step: SocketStep, { code }: NetlinkError): boolean {
  return (isRemoval(step) && GONE.has(code)) || (step.kind === "add-rule" && code === "EEXIST");
}

/** What other steps cannot do without. */
function madeBy(step: Step): readonly string[] {
  switch (step.kind) {
    case "create-namespace":
      return [step.place];
    case "create-bridge":
    case "create-vxlan":
      return [linkKey(step.place, step.link)];
    case "create-veth":
      return [linkKey(step.place, step.link), linkKey(step.peer.place, step.peer.link)];
    default:
      return [];
  }
}

interface Need {
  readonly key: string;
  readonly text: string;
}

function neededBy(step: Step): readonly Need[] {
  const needs: Need[] = [{ key: step.place, text: describePlace(step.place) }];
  const needLink = (link: string) => needs.push({ key: linkKey(step.place, link), text: `link ${link}` });
  if ("object" in step && "link" in step.object) needLink(step.object.link);
  if (step.kind === "set-link") {
    needLink(step.link);
    if (step.change.master) needLink(step.change.master);
  }
  if (step.kind === "create-veth") needs.push({ key: step.peer.place, text: describePlace(step.peer.place) });
  return needs;
}

function linkKey(place: Place, link: string): string {
  return `${place} ${link}`;
}

function advice(step: Step, error: Error): string {
  if (!("code" in error)) return "";
  if (step.kind === "create-bridge" && error.code === "EEXIST") return " (a link of another kind has this name)";
  if (step.kind === "set-link" && step.link === VXLAN && error.code === "EADDRINUSE") {
    return " (another program of the host has the VXLAN port)";
  }
  return "";
}
