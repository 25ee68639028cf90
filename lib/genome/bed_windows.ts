import { DataError } from "../cli/errors.ts";
import { counted } from "../cli/log.ts";
import { shortId } from "../dataset/ids.ts";
import { type BedRow, readBed } from "../io/bed.ts";
import type { Genome } from "./genome.ts";
import type { Window } from "./windows.ts";

export interface NamedWindows {
  readonly ids: readonly string[];
  readonly windows: readonly Window[];
}

/**
 * The regions of a BED file, by their names, else as `bedtools getfasta -s` calls them: chr1:99-200(-), without strand
 * chr1:99-200.
 *
 * @throws {DataError} with the first line, and how many there are, that lie on unknown chromosomes or reach beyond theirs
 */
export async function readBedWindows(path: string, genome: Genome): Promise<NamedWindows> {
  const rows = await readBed(path);
  const fail = (bad: readonly BedRow[], reason: string) =>
    new DataError(
      `Cannot use "${path}": line ${bad[0].line}${
        bad.length > 1 ? ` (and ${counted(bad.length - 1, "more line", "more lines")})` : ""
      }${reason}`,
    );
  const unknown = rows.filter(({ chrom }) => genome.nameOf(chrom) === undefined);
  if (unknown.length > 0) throw fail(unknown, `: ${genome.unknown(unknown[0].chrom)}`);
  const beyond = rows.filter(({ chrom, end }) => end > genome.lengthOf(chrom));
  if (beyond.length > 0) {
    const [{ chrom, end }] = beyond;
    throw fail(
      beyond,
      ` ends at ${end}, but chromosome "${shortId(chrom)}" of "${genome.path}" has ${
        genome.lengthOf(chrom)
      } bases (is it of another assembly?)`,
    );
  }
  return {
    ids: rows.map(({ chrom, start, end, name, strand }) =>
      name ?? `${chrom}:${start}-${end}${strand === null ? "" : `(${strand})`}`
    ),
    windows: rows.map(({ chrom, start, end, strand }) => ({
      chrom,
      start,
      end,
      strand: strand ?? "+",
      padding: "where missing",
    })),
  };
}
