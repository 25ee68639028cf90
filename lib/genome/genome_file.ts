import { DataError } from "../cli/errors.ts";
import { RandomAccessFile } from "../io/random_access_file.ts";
import type { GenomeFile } from "./genome.ts";
import { isBgzf } from "./bgzf_file.ts";
import { openFastaFile } from "./fasta_file.ts";
import { openTwoBitFile } from "./two_bit_file.ts";

/** A genome in the format that its first bytes tell. @throws {DataError} for none of FASTA, its bgzip or gzip, and .2bit */
export async function openGenomeFile(path: string): Promise<GenomeFile> {
  let head: Uint8Array;
  {
    using file = RandomAccessFile.open(path);
    head = file.read(0, Math.min(file.size, 4096));
  }
  const [a, b, c, d] = head, magic = head.length < 4 ? 0 : (a << 24 | b << 16 | c << 8 | d) >>> 0;
  if (magic === 0x4327411a) return await openTwoBitFile(path);
  if (magic === 0x1a412743) {
    throw new DataError(
      `Cannot read "${path}": it is a .2bit of the other byte order (make it anew with faToTwoBit)`,
    );
  }
  if (a === 0x1f && b === 0x8b) return await openFastaFile(path, isBgzf(head) ? "bgzip" : "gzip");
  if (/^\s*[>;]/.test(new TextDecoder().decode(head))) return await openFastaFile(path, "plain");
  throw new DataError(
    `Cannot read "${path}": it is neither FASTA (which begins with ">"; plain, bgzip or gzip) nor .2bit`,
  );
}
