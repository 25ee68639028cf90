import { TwoBitFile } from "npm:@gmod/twobit@6.0.5";
import { DataError } from "../cli/errors.ts";
import { RandomAccessFile } from "../io/random_access_file.ts";
import type { GenomeFile } from "./genome.ts";

/** UCSC's .2bit, only the wanted bytes of it. @throws {DataError} when it is damaged */
export async function openTwoBitFile(path: string): Promise<GenomeFile> {
  const file = RandomAccessFile.open(path);
  const telling = async <T>(body: () => Promise<T>): Promise<T> => {
    try {
      return await body();
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(`Cannot read "${path}": it is a damaged .2bit file`, { cause: error });
    }
  };
  const twoBit = new TwoBitFile({ filehandle: fileHandle(file) });
  const lengths = new Map(Object.entries(await telling(() => twoBit.getSequenceSizes())));
  if (lengths.size === 0) throw new DataError(`Cannot use "${path}": it holds no sequence`);
  return {
    lengths,
    async read(regions) {
      const sequences: string[] = [];
      for (const { chrom, start, end } of regions) {
        sequences.push(start === end ? "" : await telling(() => twoBit.getSequence(chrom, start, end)) ?? "");
      }
      return sequences;
    },
    close: () => file.close(),
  };
}

type FileHandle = NonNullable<ConstructorParameters<typeof TwoBitFile>[0]["filehandle"]>;

/** An open file as the package reads it: reads end with the file. */
function fileHandle(file: RandomAccessFile): FileHandle {
  const read = (length: number, position: number) => {
    const start = Math.min(position, file.size);
    return Promise.resolve(file.read(start, Math.min(length, file.size - start)));
  };
  return {
    read,
    readFile: () => read(file.size, 0),
    stat: () => Promise.resolve({ size: file.size }),
    close: () => Promise.resolve(),
  } as FileHandle;
}
