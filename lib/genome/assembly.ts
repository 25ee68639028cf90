/** Whether an annotation and a genome are of one assembly. */
import { DataError } from "../cli/errors.ts";
import { counted, log } from "../cli/log.ts";
import { someIds } from "../dataset/ids.ts";
import type { Annotation } from "./annotation.ts";
import type { Genome } from "./genome.ts";

/**
 * Genes of another assembly end beyond their chromosomes, or lie on chromosomes of other names: then windows about them
 * would be DNA of somewhere else.
 *
 * @throws {DataError} when no chromosome is in both, or more than one gene in a thousand ends beyond its chromosome,
 *   or a length that a GFF3 file states is another
 */
export function checkAssembly(annotation: Annotation, genome: Genome): void {
  const lengths = new Map<string, number | undefined>();
  const lengthOf = (chrom: string) =>
    lengths.getOrInsertComputed(chrom, () => genome.nameOf(chrom) && genome.lengthOf(chrom) || undefined);
  const placed = annotation.genes.filter(({ chrom }) => lengthOf(chrom) !== undefined);
  const name = `"${annotation.path}"${annotation.build === null ? "" : ` (${annotation.build})`}`;
  if (placed.length === 0) {
    throw new DataError(
      `Cannot use ${name} with "${genome.path}": none of its chromosomes (${
        someIds([...lengths.keys()], 3)
      }) is in the genome (${someIds([...genome.lengths.keys()], 3)})`,
    );
  }
  for (const [chrom, length] of annotation.lengths) {
    const actual = lengthOf(chrom);
    if (actual === undefined || actual === length) continue;
    throw new DataError(
      `Cannot use ${name} with "${genome.path}": by its ##sequence-region chromosome "${
        someIds([chrom])
      }" has ${length} ` +
        `bases, in the genome ${actual}: they are of two assemblies (delete these lines if the genome is cut on purpose)`,
    );
  }
  const beyond = placed.filter(({ chrom, last }) => last > lengthOf(chrom)!);
  if (beyond.length === 0) return;
  const [first] = beyond;
  const what =
    `${beyond.length} of ${
      counted(placed.length, "gene")
    } of ${name} end beyond their chromosomes in "${genome.path}" ` +
    `("${someIds([first.symbol])}" at ${first.last} of chromosome "${someIds([first.chrom])}", which has ${
      lengthOf(first.chrom)
    } bases)`;
  if (1000 * beyond.length > placed.length) {
    throw new DataError(`Cannot use annotation and genome together: ${what}: they are of two assemblies`);
  }
  log.warn(`${what}: are they of two assemblies?`);
}
