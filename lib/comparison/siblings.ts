/** Whether files may lie beside a path, such as `<stem>_spread`: none do beside a pipe, and Deno grants no look there. */
export function hasSiblings(path: string): boolean {
  return !/^\/(dev|proc)\//.test(path);
}
