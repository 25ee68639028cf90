import { DataError } from "../cli/errors.ts";
import { parseCsvTable } from "../io/csv.ts";
import { readFileBytes } from "../io/read_file.ts";

/** Promoter DNA of transcription factors, with both of a gene's names. */
export interface TfSequences {
  path: string;
  symbols: string[];
  geneIds: string[];
  /** DNA letters, as they stand in the file. */
  sequences: string[];
  /** Gene id of a symbol in any case (the first row's, where symbols repeat), or undefined. */
  geneIdOf(symbol: string): string | undefined;
}

/**
 * Read `tf_sequences.csv`: `gene_name,gene_id,chrom,tss,strand,sequence`.
 *
 * @throws {DataError} when a column of gene_name, gene_id is missing
 */
export async function readTfSequences(path: string): Promise<TfSequences> {
  const { header, rows } = parseCsvTable(await readFileBytes(path), path);
  const column = (name: string) => {
    const at = header.indexOf(name);
    if (at < 0) throw new DataError(`Cannot read "${path}": it has no column "${name}"`);
    return rows.map((cells) => cells[at]);
  };
  const symbols = column("gene_name"), geneIds = column("gene_id");
  const byUpperSymbol = new Map<string, string>();
  symbols.forEach((symbol, i) => {
    const key = symbol.toUpperCase();
    if (key && geneIds[i] && !byUpperSymbol.has(key)) byUpperSymbol.set(key, geneIds[i]);
  });
  return {
    path,
    symbols,
    geneIds,
    sequences: header.includes("sequence") ? column("sequence") : [],
    geneIdOf: (symbol) => byUpperSymbol.get(symbol.toUpperCase()),
  };
}
