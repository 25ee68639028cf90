/**
 * A made-up data set with the real files' names and shapes, small enough to lie in the repository.
 *
 * Every gene g has a hidden vector w_g, every transcription factor t (itself one of the genes) a hidden vector z_t = its
 * gene's. A response is what all factors share, plus z_t' M w_g, plus noise; embeddings are noisy linear images of the
 * hidden vectors, and motifs in the promoters are as frequent as z_t is large. So each kind of model has something to find,
 * and none can find everything.
 */
import { ModelStream } from "../random/model_stream.ts";
import type { Matrix } from "../linalg/matrix.ts";

export interface DemoSizes {
  tfs: number;
  genes: number;
  ntWidth: number;
  hyenaWidth: number;
  /** Bases of a promoter. */
  promoterLength: number;
}

export interface DemoData {
  geneIds: string[];
  /** Index in `geneIds` of each transcription factor, and its symbol. */
  tfGenes: number[];
  tfSymbols: string[];
  /** tfs x genes. */
  responses: Matrix;
  ntTfs: Matrix;
  ntGenes: Matrix;
  hyenaTfs: Matrix;
  promoters: string[];
}

const hiddenWidth = 6;

/** The same seed gives the same data, digit for digit. */
export function makeDemoData(sizes: DemoSizes, seed: number): DemoData {
  const root = new ModelStream(seed, "demo data"), { tfs, genes } = sizes;
  const hidden = normals(root.derive("hidden"), genes, hiddenWidth, 1);
  const tfGenes = Array.from(root.derive("factors").permutation(genes).subarray(0, tfs)).sort((a, b) =>
    a - b
  );
  const ofTfs = rowsOf(hidden, tfGenes);
  const ntMap = normals(root.derive("nt map"), hiddenWidth, sizes.ntWidth, 0.35);
  const hyenaMap = normals(root.derive("hyena map"), hiddenWidth, sizes.hyenaWidth, 0.5);
  return {
    geneIds: Array.from({ length: genes }, (_, gene) => `ENSG9${String(gene + 1).padStart(10, "0")}`),
    tfGenes,
    tfSymbols: tfGenes.map((_, tf) => `SYN${String(tf + 1).padStart(3, "0")}`),
    responses: responses(root.derive("responses"), ofTfs, hidden),
    ntTfs: image(root.derive("nt of factors"), ofTfs, ntMap),
    ntGenes: image(root.derive("nt of genes"), hidden, ntMap),
    hyenaTfs: image(root.derive("hyena"), ofTfs, hyenaMap),
    promoters: Array.from(
      { length: tfs },
      (_, tf) => promoter(root.derive(`promoter ${tf}`), ofTfs, tf, sizes.promoterLength),
    ),
  };
}

/** Changes of about 0.1 in size: shared 0.05, from the hidden vectors 0.07, noise 0.06, and more of its own gene. */
function responses(random: ModelStream, tfs: Matrix, genes: Matrix): Matrix {
  const mixing = normals(random.derive("mixing"), hiddenWidth, hiddenWidth, 0.07 / hiddenWidth);
  const shared = normals(random.derive("shared"), 1, genes.rows, 0.05).data;
  const data = new Float32Array(tfs.rows * genes.rows), noise = random.derive("noise");
  for (let t = 0, at = 0; t < tfs.rows; t++) {
    for (let g = 0; g < genes.rows; g++, at++) {
      let signal = 0;
      for (let i = 0; i < hiddenWidth; i++) {
        for (let j = 0; j < hiddenWidth; j++) {
          signal += tfs.data[t * hiddenWidth + i] * mixing.data[i * hiddenWidth + j] *
            genes.data[g * hiddenWidth + j];
        }
      }
      data[at] = shared[g] + signal + 0.06 * noise.normal();
    }
  }
  return { data, rows: tfs.rows, columns: genes.rows };
}

/** hidden (n x 6) times map (6 x width), plus noise. */
function image(random: ModelStream, hidden: Matrix, map: Matrix): Matrix {
  const data = new Float32Array(hidden.rows * map.columns);
  for (let i = 0, at = 0; i < hidden.rows; i++) {
    for (let j = 0; j < map.columns; j++, at++) {
      let value = 0.5 * random.normal();
      for (let h = 0; h < hiddenWidth; h++) {
        value += hidden.data[i * hiddenWidth + h] * map.data[h * map.columns + j];
      }
      data[at] = value;
    }
  }
  return { data, rows: hidden.rows, columns: map.columns };
}

/** One motif for each hidden coordinate. */
const motifs = ["GGGCGGGG", "TGACTCA", "CACGTG", "TATAAA", "CCGGAAGT", "GATTACA"];

/** Random bases with 42 % GC, and each motif about 2^z times in a thousand of them. */
function promoter(random: ModelStream, hidden: Matrix, tf: number, length: number): string {
  const chances = motifs.map((_, h) => 0.001 * 2 ** hidden.data[tf * hiddenWidth + h]);
  let bases = "";
  while (bases.length < length) {
    let draw = random.uniform();
    const motif = motifs.find((_, h) => (draw -= chances[h]) < 0);
    bases += motif ?? "AATTAATTCG"[random.below(10)].replace("A", random.uniform() < 0.25 ? "G" : "A");
  }
  return bases.slice(0, length);
}

function normals(random: ModelStream, rows: number, columns: number, size: number): Matrix {
  return { data: random.fillNormal(new Float32Array(rows * columns), 0, size), rows, columns };
}

function rowsOf(matrix: Matrix, rows: readonly number[]): Matrix {
  const data = new Float32Array(rows.length * matrix.columns);
  rows.forEach((row, i) => {
    data.set(matrix.data.subarray(row * matrix.columns, (row + 1) * matrix.columns), i * matrix.columns);
  });
  return { data, rows: rows.length, columns: matrix.columns };
}
