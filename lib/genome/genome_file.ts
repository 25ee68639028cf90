import { DataError } from "../cli/errors.ts";
import { RandomAccessFile } from "../io/random_access_file.ts";
import type { GenomeFile } from "./genome.ts";
import { isBgzf } from "./bgzf_file.ts";
import { openFastaFile } from "./fasta_file.ts";
import { openTwoBitFile, twoBitMagic } from "./two_bit_file.ts";

/** A genome in the format that its first bytes tell. @throws {DataError} for none of FASTA, its bgzip or gzip, and .2bit */
export async function openGenomeFile(path: string): Promise<GenomeFile> {
  let head: Uint8Array<ArrayBuffer>;
  {
    using file = RandomAccessFile.open(path);
    head = file.read(0, Math.min(file.size, 4096));
  }
  const [a, b] = head, numbers = head.length < 4 ? null : new DataView(head.buffer);
  if (numbers?.getUint32(0, true) === twoBitMagic) return openTwoBitFile(path);
  if (numbers?.getUint32(0) === twoBitMagic) {
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
