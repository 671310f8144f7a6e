/** A text as one word of bash, zsh and fish alike: none of ours holds a backslash. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
