/** A time limit that is mostly not met: taken back it leaves nothing, where a timer that is aborted makes an error each time. */
export class Deadline {
  readonly passed: Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.passed = new Promise((resolve) => {
      this.#timer = setTimeout(resolve, ms);
    });
  }

  /** {@link passed} then never resolves. */
  cancel(): void {
    clearTimeout(this.#timer);
  }
}
