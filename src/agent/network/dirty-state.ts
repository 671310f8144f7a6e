/** What changed since the kernel was last brought up to date. */
export class DirtyState {
  everything = false;
  readonly networkIds = new Set<string>();
  readonly wholeNetworkIds = new Set<string>();
  readonly sandboxIds = new Set<string>();
  readonly serviceKeys = new Set<string>();
  readonly goneSandboxIds = new Set<string>();

  get any(): boolean {
    return (
      this.everything ||
      this.networkIds.size + this.sandboxIds.size + this.serviceKeys.size + this.goneSandboxIds.size > 0
    );
  }

  add(other: DirtyState): void {
    this.everything ||= other.everything;
    for (const id of other.networkIds) this.networkIds.add(id);
    for (const id of other.wholeNetworkIds) this.wholeNetworkIds.add(id);
    for (const id of other.sandboxIds) this.sandboxIds.add(id);
    for (const key of other.serviceKeys) this.serviceKeys.add(key);
    for (const id of other.goneSandboxIds) this.goneSandboxIds.add(id);
  }
}
