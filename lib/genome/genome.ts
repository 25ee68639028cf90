/** DNA of a genome by coordinates, from FASTA (plain, bgzip, gzip) or .2bit. */
import { DataError } from "../cli/errors.ts";
import { someIds } from "../dataset/ids.ts";
import { ChromosomeNames } from "./chromosome_names.ts";
import { openGenomeFile } from "./genome_file.ts";

/** Bases [start, end) of a chromosome, counted from 0, + strand. */
export interface Region {
  readonly chrom: string;
  readonly start: number;
  readonly end: number;
}

/** What a file format has to do. Names are the file's own, regions lie within their chromosomes. */
export interface GenomeFile {
  /** Bases of each chromosome, in file order. */
  readonly lengths: ReadonlyMap<string, number>;
  /** Letters as they stand in the file, in the order of the regions. */
  read(regions: readonly Region[]): Promise<string[]>;
  close(): void;
}

export class Genome {
  readonly path: string;
  readonly #file: GenomeFile;
  readonly #names: ChromosomeNames;

  private constructor(path: string, file: GenomeFile) {
    this.path = path;
    this.#file = file;
    this.#names = new ChromosomeNames(file.lengths.keys());
  }

  /** Which format it is, its content says. @throws {DataError} when it cannot be read or is none of them */
  static async open(path: string): Promise<Genome> {
    return new Genome(path, await openGenomeFile(path));
  }

  /** Bases of each chromosome, by the names of the file. */
  get lengths(): ReadonlyMap<string, number> {
    return this.#file.lengths;
  }

  /** The file's name for a chromosome ("chr1" for "1"), undefined where it has none such. */
  nameOf(chrom: string): string | undefined {
    return this.#names.find(chrom);
  }

  /** Bases of a chromosome under any of its names. @throws {DataError} naming the nearest for one that is not there */
  lengthOf(chrom: string): number {
    const name = this.nameOf(chrom);
    if (name === undefined) {
      throw new DataError(`Cannot use chromosome "${someIds([chrom])}": ${this.unknown(chrom)}`);
    }
    return this.lengths.get(name)!;
  }

  /** For messages: that a chromosome is not there, and which is nearest. */
  unknown(chrom: string): string {
    return `"${this.path}" has no chromosome "${someIds([chrom])}" (the nearest is "${
      this.#names.nearest(chrom)
    }")`;
  }

  /**
   * The letters of regions, as they stand in the file (lower case where repeats are masked so), in their order. Ask for many
   * at once: plain gzip is read from its start each time.
   *
   * @throws {DataError} for an unknown chromosome, a region beyond its end, a damaged file
   */
  async sequences(regions: readonly Region[]): Promise<string[]> {
    const named = regions.map(({ chrom, start, end }) => {
      const length = this.lengthOf(chrom);
      if (!(start >= 0 && start <= end && end <= length)) {
        throw new DataError(
          `Cannot read ${chrom}:${start}-${end}: the chromosome has ${length} bases in "${this.path}"`,
        );
      }
      return { chrom: this.nameOf(chrom)!, start, end };
    });
    const sequences = await this.#file.read(named);
    named.forEach(({ chrom, start, end }, i) => {
      if (sequences[i].length === end - start && !/[^A-Za-z*.-]/.test(sequences[i])) return;
      throw new DataError(
        `Cannot read "${this.path}": ${chrom}:${start}-${end} is not ${end - start} letters of DNA ` +
          `(is its index of another file, or the file damaged?)`,
      );
    });
    return sequences;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
