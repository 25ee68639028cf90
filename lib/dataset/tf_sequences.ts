import { DataError } from "../cli/errors.ts";
import { readCsvTable, someColumns } from "../io/csv.ts";
import { withoutVersion } from "./gene_ids.ts";

/** Promoter DNA of transcription factors, with both of a gene's names. */
export interface TfSequences {
  path: string;
  symbols: string[];
  geneIds: string[];
  /** DNA letters, as they stand in the file. */
  sequences: string[];
  /** Gene ids of a symbol, in any case: usually one, none for a symbol that the file lacks. */
  geneIdsOf(symbol: string): readonly string[];
  /** What else a perturbation may be called: gene ids of a symbol, symbols of a gene id, both in any case. */
  otherNames(name: string): readonly string[];
}

/**
 * Read `tf_sequences.csv`: `gene_name,gene_id,chrom,tss,strand,sequence`.
 *
 * @throws {DataError} when a column of gene_name, gene_id is missing
 */
export async function readTfSequences(path: string): Promise<TfSequences> {
  const { header, rows } = await readCsvTable(path);
  const column = (name: string) => {
    const at = header.indexOf(name);
    if (at < 0) {
      throw new DataError(
        `Cannot read "${path}": it has no column "${name}" (its columns are ${someColumns(header)})`,
      );
    }
    return rows.map((cells) => cells[at]);
  };
  const symbols = column("gene_name"), geneIds = column("gene_id");
  const bySymbol = inAnyCase(symbols, geneIds), byGeneId = inAnyCase(geneIds, symbols);
  const geneIdsOf = (symbol: string) => bySymbol.get(keyOf(symbol)) ?? [];
  return {
    path,
    symbols,
    geneIds,
    sequences: header.includes("sequence") ? column("sequence") : [],
    geneIdsOf,
    otherNames: (name) => [...geneIdsOf(name), ...byGeneId.get(keyOf(name)) ?? []],
  };
}

/** All `values` of a key, by the key in upper case and without an Ensembl version. */
function inAnyCase(keys: readonly string[], values: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  keys.forEach((key, i) => found.getOrInsertComputed(keyOf(key), () => []).push(values[i]));
  return found;
}

function keyOf(name: string): string {
  return withoutVersion(name.toUpperCase());
}
