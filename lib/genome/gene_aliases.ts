/** Other names of genes by HGNC's table, so that old symbols are found under new ones and the other way round. */
import { DataError } from "../cli/errors.ts";
import { withoutVersion } from "../dataset/gene_ids.ts";
import { readCsvTable, someColumns } from "../io/csv.ts";

/** What else a gene is called, likeliest first; any case, with or without Ensembl version. */
export type GeneAliases = (name: string) => readonly string[];

/**
 * HGNC's complete set (`hgnc_complete_set.txt`: symbol, prev_symbol, alias_symbol, ensembl_gene_id; several in one cell
 * parted by "|") or its custom downloads ("Approved symbol", "Previous symbols", ..., parted by ","). A name finds the
 * gene that it is the approved symbol or id of, else those that it is a previous symbol of, else those with it as alias.
 *
 * @throws {DataError} without a column of approved and one of other symbols
 */
export async function readGeneAliases(path: string): Promise<GeneAliases> {
  const { header, rows } = await readCsvTable(path);
  const plain = header.map((name) => name.trim().toLowerCase().replaceAll(/[ _]+/g, " "));
  const at = (names: RegExp) => plain.findIndex((name) => names.test(name));
  const symbol = at(/^(approved )?symbol$/), id = at(/^ensembl (gene )?id\b/);
  const previous = at(/^prev(ious)? symbols?$/), alias = at(/^alias (symbols?)$/);
  if (symbol < 0 || (previous < 0 && alias < 0)) {
    throw new DataError(
      `Cannot read "${path}": it needs columns "symbol" and "prev_symbol" or "alias_symbol", as HGNC's complete set has ` +
        `(its columns are ${someColumns(header)})`,
    );
  }
  const ranks = [
    new Map<string, Set<string>>(),
    new Map<string, Set<string>>(),
    new Map<string, Set<string>>(),
  ];
  for (const row of rows) {
    const cell = (column: number) => column < 0 ? [] : namesIn(row[column]);
    const own = [...cell(symbol), ...cell(id)], old = cell(previous), other = cell(alias);
    const all = [...own, ...old, ...other];
    [own, old, other].forEach((keys, rank) => {
      for (const key of keys) {
        const names = ranks[rank].getOrInsertComputed(keyOf(key), () => new Set());
        for (const name of rank === 0 ? all : own) names.add(name);
      }
    });
  }
  return (name) => {
    const key = keyOf(name);
    for (const rank of ranks) if (rank.has(key)) return [...rank.get(key)!].filter((other) => other !== name);
    return [];
  };
}

function namesIn(cell: string): string[] {
  return cell.split(/[|,]/).map((name) => name.trim().replace(/^"|"$/g, "")).filter((name) => name !== "");
}

function keyOf(name: string): string {
  return withoutVersion(name.toUpperCase());
}
