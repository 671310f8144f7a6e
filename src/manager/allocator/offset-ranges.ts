/** Ascending ranges of whole numbers without gaps between neighbours, as in "4-19,33". */

/** First and last number. */
export type OffsetRange = readonly [number, number];

export class OffsetRanges {
  #ranges: OffsetRange[] = [];
  #count = 0;

  /** How many numbers. */
  get count(): number {
    return this.#count;
  }

  get ranges(): readonly OffsetRange[] {
    return this.#ranges;
  }

  has(offset: number): boolean {
    return this.#ranges.some(([first, last]) => first <= offset && offset <= last);
  }

  /** @param range of numbers that are not in it */
  add([first, last]: OffsetRange): void {
    this.#count += last - first + 1;
    const before = this.#ranges.filter((range) => range[1] < first);
    const behind = this.#ranges.slice(before.length);
    const left = before.at(-1);
    const right = behind[0];
    const joined: OffsetRange = [
      left && left[1] === first - 1 ? before.pop()![0] : first,
      right && right[0] === last + 1 ? behind.shift()![1] : last,
    ];
    this.#ranges = [...before, joined, ...behind];
  }

  /** @returns whether it was in it */
  delete(offset: number): boolean {
    const at = this.#ranges.findIndex(([first, last]) => first <= offset && offset <= last);
    if (at < 0) return false;
    const [first, last] = this.#ranges[at]!;
    const rest: OffsetRange[] = [];
    if (first < offset) rest.push([first, offset - 1]);
    if (offset < last) rest.push([offset + 1, last]);
    this.#ranges.splice(at, 1, ...rest);
    this.#count--;
    return true;
  }

  /** Takes the smallest numbers out. @param count at most as many */
  shift(count: number): readonly OffsetRange[] {
    const taken: OffsetRange[] = [];
    let left = count;
    while (left > 0 && this.#ranges.length > 0) {
      const [first, last] = this.#ranges[0]!;
      const end = Math.min(last, first + left - 1);
      taken.push([first, end]);
      left -= end - first + 1;
      this.#count -= end - first + 1;
      if (end === last) this.#ranges.shift();
      else this.#ranges[0] = [end + 1, last];
    }
    return taken;
  }

  toString(): string {
    return this.#ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
  }

  /** @returns undefined when the text is not of that form, ascending, below `end` */
  static parse(text: string, end: number): OffsetRanges | undefined {
    const result = new OffsetRanges();
    if (text === "") return result;
    let above = -1;
    for (const part of text.split(",")) {
      const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
      const first = Number(match?.[1]);
      const last = Number(match?.[2] ?? match?.[1]);
      if (!match || first <= above || last < first || last >= end) return undefined;
      result.add([first, last]);
      above = last;
    }
    return result;
  }
}
