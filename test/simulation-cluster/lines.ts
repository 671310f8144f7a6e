/**
 * Connections between processes of the simulated cluster, as TCP makes them: what is sent comes in order and once, or the connection breaks.
 * What the network loses is sent again; where it lets nothing through, either side learns that late, and at a time of its own.
 */
import type { Network } from "../simulation/network.js";
import type { SimulatedProcess } from "../simulation/process-host.js";
import type { SeededRandom } from "../simulation/random.js";
import type { VirtualTime } from "../simulation/virtual-time.js";

const RETRANSMIT_MS = 200;
/** Keepalive's period and patience together, as src/api/transport-options.ts has them. */
const SILENCE_MS = 20_000;
const LOOK_MS = 5000;
/** Of unread messages, before a writer is told to hold back. */
const WINDOW_BYTES = 16 << 10;

/** One side of a connection. */
export interface LineEnd {
  readonly process: SimulatedProcess;
  /** Where it is, as the network names it. */
  readonly place: string;
  received(frame: unknown): void;
  /** The other side reads again. */
  drained(): void;
  /** Once, and nothing comes afterwards. */
  broken(): void;
}

interface Frame {
  readonly content: unknown;
  readonly bytes: number;
  hasCome: boolean;
}

/** One direction of a connection. */
class Pipe {
  readonly frames: Frame[] = [];
  bytes = 0;
  isFull = false;

  constructor(
    readonly from: LineEnd,
    readonly to: LineEnd,
  ) {}
}

export class Lines {
  readonly #open = new Set<Line>();

  constructor(
    readonly time: VirtualTime,
    readonly network: Network,
    readonly random: SeededRandom,
  ) {}

  connect(one: LineEnd, other: LineEnd): Line {
    const line = new Line(this, one, other, () => this.#open.delete(line));
    this.#open.add(line);
    return line;
  }

  /** Those of a process break. */
  sever(process: SimulatedProcess): void {
    for (const line of [...this.#open]) if (line.belongsTo(process)) line.sever();
  }

  /** Half of the time the others hear of it at once: the host has not gone with the process. */
  died(process: SimulatedProcess): void {
    for (const line of [...this.#open]) if (line.belongsTo(process)) line.endDied(process, this.random.chance(0.5));
  }
}

export class Line {
  readonly #lines: Lines;
  readonly #pipes: readonly [Pipe, Pipe];
  readonly #closed: () => void;
  /** Sides that know of the end already. */
  readonly #over = new Set<LineEnd>();
  #passedAt: number;

  constructor(lines: Lines, one: LineEnd, other: LineEnd, closed: () => void) {
    this.#lines = lines;
    this.#closed = closed;
    this.#pipes = [new Pipe(one, other), new Pipe(other, one)];
    this.#passedAt = lines.time.now;
    this.#watch();
  }

  belongsTo(process: SimulatedProcess): boolean {
    return this.#pipes.some(({ from }) => from.process === process);
  }

  /** @returns false while the other side does not read fast enough */
  send(from: LineEnd, content: unknown, bytes: number): boolean {
    const pipe = this.#pipeFrom(from);
    if (this.#over.has(from)) return true;
    const frame = { content, bytes, hasCome: false };
    pipe.frames.push(frame);
    pipe.bytes += bytes;
    this.#transmit(pipe, frame, this.#lines.time.now);
    if (pipe.bytes > WINDOW_BYTES) pipe.isFull = true;
    return !pipe.isFull;
  }

  /** One side lets go at once; the other one hears of it, if anything passes. */
  close(from: LineEnd): void {
    if (this.#over.has(from)) return;
    const pipe = this.#pipeFrom(from);
    this.#end(from);
    this.#tell(pipe.to);
  }

  endDied(process: SimulatedProcess, isHeard: boolean): void {
    for (const { from, to } of this.#pipes) {
      if (from.process !== process) continue;
      this.#end(from);
      if (isHeard) this.#tell(to);
    }
  }

  /** It breaks, and both sides hear of it. */
  sever(): void {
    for (const { from } of this.#pipes) this.#break(from);
  }

  #tell(end: LineEnd): void {
    const { from } = this.#pipes.find(({ to }) => to === end)!;
    const { network } = this.#lines;
    network.sendReliably(
      from.place,
      end.place,
      () => this.#break(end),
      () => undefined,
    );
  }

  #transmit(pipe: Pipe, frame: Frame, sinceMs: number): void {
    const { network, time } = this.#lines;
    const { from, to } = pipe;
    const again = () => {
      if (this.#over.has(from) || this.#over.has(to)) return;
      if (time.now - sinceMs > SILENCE_MS) this.#break(from);
      else time.after(RETRANSMIT_MS, () => this.#transmit(pipe, frame, sinceMs));
    };
    const come = () => {
      // Whoever has gone answers with a reset.
      if (this.#over.has(to)) return this.#tell(from);
      frame.hasCome = true;
      this.#deliver(pipe);
    };
    if (network.isCut(from.place, to.place)) time.after(RETRANSMIT_MS, again);
    else network.sendReliably(from.place, to.place, come, again);
  }

  #deliver(pipe: Pipe): void {
    while (pipe.frames[0]?.hasCome) {
      const frame = pipe.frames.shift()!;
      pipe.to.process.host.perform(() => {
        if (this.#over.has(pipe.to) || !pipe.to.process.isAlive) return;
        this.#read(pipe, frame);
        pipe.to.received(frame.content);
      });
    }
  }

  #read(pipe: Pipe, { bytes }: Frame): void {
    pipe.bytes -= bytes;
    if (!pipe.isFull || pipe.bytes > WINDOW_BYTES / 2) return;
    pipe.isFull = false;
    pipe.from.process.afterReal(0, () => {
      if (!this.#over.has(pipe.from)) pipe.from.drained();
    });
  }

  /** Keepalive: who hears nothing for so long gives up. */
  #watch(): void {
    const { time, network } = this.#lines;
    time.after(LOOK_MS * this.#lines.random.between(0.8, 1.2), () => {
      const [{ from: one, to: other }] = this.#pipes;
      if (this.#over.has(one) && this.#over.has(other)) return;
      const passes = network.passes(one.place, other.place) && !this.#over.has(one) && !this.#over.has(other);
      if (passes) this.#passedAt = time.now;
      else if (time.now - this.#passedAt > SILENCE_MS) {
        this.#break(one);
        this.#break(other);
        return;
      }
      this.#watch();
    });
  }

  #break(end: LineEnd): void {
    if (this.#over.has(end)) return;
    this.#end(end);
    end.process.afterReal(0, () => end.broken());
  }

  #end(end: LineEnd): void {
    this.#over.add(end);
    if (this.#pipes.every(({ from }) => this.#over.has(from))) this.#closed();
  }

  #pipeFrom(end: LineEnd): Pipe {
    return this.#pipes[0].from === end ? this.#pipes[0] : this.#pipes[1];
  }
}
