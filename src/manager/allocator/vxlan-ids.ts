/** VXLAN network identifiers, 24 bits wide; the first 4096 are left to VLAN-like uses. */
import { AllocationError } from "./allocation-error.js";
import { SparseBitmap } from "./sparse-bitmap.js";

export const FIRST_VNI = 4096;
export const LAST_VNI = 2 ** 24 - 1;

export class VxlanIds {
  readonly #taken = new SparseBitmap(LAST_VNI + 1);
  #cursor = FIRST_VNI;

  /** @throws AllocationError when none is left */
  take(): number {
    const vni = this.#taken.nextAbsent(this.#cursor, LAST_VNI + 1) ?? this.#taken.nextAbsent(FIRST_VNI, LAST_VNI + 1);
    if (vni === undefined) throw new AllocationError("no VXLAN id is left");
    this.#taken.add(vni);
    this.#cursor = vni + 1;
    return vni;
  }

  /** @throws AllocationError when it is taken */
  claim(vni: number): void {
    if (this.#taken.has(vni)) throw new AllocationError(`VXLAN id ${vni} belongs to another network`);
    this.#taken.add(vni);
  }

  /** Takes note of one that was given out earlier. @throws AllocationError when it is taken */
  restore(vni: number): void {
    this.claim(vni);
    // The search goes on behind it: what came back just before is not given out at once.
    if (vni >= FIRST_VNI) this.#cursor = Math.max(this.#cursor, vni + 1);
  }

  release(vni: number): void {
    this.#taken.delete(vni);
  }
}
