import { shortId } from "../dataset/ids.ts";

/** What went wrong, of HDF5's many lines. */
export function hdf5Reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/truncated file/i.test(text)) {
    const [, eof, stored] = /eof = (\d+).*stored_eof = (\d+)/.exec(text) ?? [];
    return `the file is cut off${
      eof ? `: it has ${eof} bytes and says it has ${stored}` : ""
    } (copy or download it again)`;
  }
  // Text in a damaged chunk makes the library free what it never allocated: an access out of bounds.
  const damage =
    /inflate|checksum|wrong .*signature|unable to decode|Filter operation failed|addr overflow|out of bounds/i;
  if (damage.test(text)) return "its content is damaged (copy or download the file again)";
  if (/out of memory|Cannot enlarge|allocation|malloc/i.test(text)) {
    return "not enough memory to read a piece of it";
  }
  const last = [...text.matchAll(/\(\): (.+)/g)].at(-1)?.[1];
  return `HDF5 cannot read it: ${shortId(last ?? text.split("\n")[0])}`;
}
