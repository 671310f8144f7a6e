/** Names for namespaces and links of tests: nobody else on this machine has them at the same time. */

let count = 0;

/** `tsw-t<pid>x<n>-<purpose>`, for a namespace. */
export function testNamespace(purpose: string): string {
  return `tsw-t${process.pid}x${++count}-${purpose}`;
}

/** At most 15 characters, for a link: `t<pid>x<n>`. */
export function testLink(): string {
  return `t${process.pid}x${++count}`;
}
