/** @param text what "tsctl net inspect" prints @returns whether it tells of something that is not as wanted, on any node */
export function showsDrift(text: string): boolean {
  return / [1-9]\d* drifted$/m.test(text);
}
