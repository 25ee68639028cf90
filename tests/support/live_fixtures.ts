/**
 * Files that other programs wrote: those of the tree, or those that tests/live/formats.ts has just made with the packages that
 * are installed (FIXTURES says where).
 */
import { fromFileUrl, join } from "@std/path";

export function fixtures(area: string): string {
  return join(Deno.env.get("FIXTURES") ?? fromFileUrl(new URL("../fixtures", import.meta.url)), area);
}
