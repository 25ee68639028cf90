/**
 * Files at full size (377 x 4,912) beside pandas, matplotlib and the npm package udsv in the same run: reading the
 * targets' CSV, reading and writing predictions as Parquet, drawing 1.85 million points as a hexagon plot. Medians; the
 * first run of each is not counted, but shown: a script pays it.
 *
 *   deno run --lock=tests/deno.lock -P=test bench/io.ts
 *   deno run --lock=tests/deno.lock -P=test bench/io.ts --no-peer
 */
import { inferSchema, initParser } from "npm:udsv@0.7.3";
import { renderHexbinLayers } from "../lib/evaluation/plot.ts";
import { layersToPng } from "../lib/evaluation/plot_png.ts";
import { encodeCsv, readNumericCsv } from "../lib/io/csv.ts";
import { readNpyMatrix, writeNpy } from "../lib/io/npy.ts";
import { readParquetFrame } from "../lib/io/parquet.ts";
import { writeParquetFrame } from "../lib/io/parquet_frame.ts";
import { ModelStream } from "../lib/random/model_stream.ts";
import { benchFlags, exitWith, peerFlags, peerOrExit } from "./peer.ts";
import { printRows, type Row, rowsFlag } from "./rows.ts";

const flags = benchFlags({
  "repeats": { default: 7, min: 1, help: "runs of which the median counts" },
  "perturbations": { default: 377, min: 10, help: "rows of the tables" },
  ...peerFlags,
  ...rowsFlag,
}, { script: "bench/io.ts", about: "Files and plots at full size beside pandas and matplotlib." });

const python = await peerOrExit(["numpy", "pandas", "matplotlib", "pyarrow"], flags);
const rows = flags.perturbations, columns = 4912;
const folder = await Deno.makeTempDir();
const stream = new ModelStream(0);
const truth = stream.fillNormal(new Float32Array(rows * columns), 0, 0.2);
const predicted = truth.map((value) => 0.4 * value + 0.1 * stream.normal());
const index = Array.from({ length: rows }, (_, i) => `TF${i}`);
const genes = Array.from({ length: columns }, (_, j) => `ENSG${String(j).padStart(11, "0")}`);
const frame = { index, columns: genes, values: { data: predicted, rows, columns } };
await Deno.writeTextFile(
  `${folder}/targets.csv`,
  encodeCsv(
    ["gene_name", ...genes],
    index.map((
      id,
      i,
    ) => [id, ...Array.from(truth.subarray(i * columns, (i + 1) * columns), (x) => x.toFixed(6))]),
  ),
);
await writeNpy(`${folder}/truth.npy`, { shape: [rows, columns], data: truth });
await writeNpy(`${folder}/predicted.npy`, { shape: [rows, columns], data: predicted });

interface Milliseconds {
  first: number;
  median: number;
}

async function timed(work: () => Promise<unknown>): Promise<Milliseconds> {
  const times: number[] = [];
  for (let i = 0; i <= flags.repeats; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  const [first, ...later] = times;
  return { first, median: later.sort((a, b) => a - b)[later.length >> 1] };
}

const ours: Record<string, Milliseconds> = {
  "read CSV": await timed(() => readNumericCsv(`${folder}/targets.csv`, { labels: 1 })),
  "read CSV, by udsv": await timed(async () => {
    const text = await Deno.readTextFile(`${folder}/targets.csv`);
    return initParser(inferSchema(text)).typedArrs(text);
  }),
  "read .npy": await timed(() => readNpyMatrix(`${folder}/truth.npy`)),
  "write Parquet": await timed(() => writeParquetFrame(`${folder}/predicted.parquet`, frame)),
  "read Parquet": await timed(() => readParquetFrame(`${folder}/predicted.parquet`)),
  "hexagon plot, PNG": await timed(async () => {
    const layers = renderHexbinLayers({ truth, predicted, title: "Pred vs GT", limits: [-1, 1] });
    await Deno.writeFile(`${folder}/plot.png`, await layersToPng(layers));
  }),
};

const peer: Record<string, Milliseconds | null> & { versions?: string } = python
  ? JSON.parse(await python.run("io_peer.py", [folder, String(flags.repeats)]).catch(exitWith))
  : {};
await Deno.remove(folder, { recursive: true });

console.log(
  `${rows} x ${columns}; milliseconds, first run and median of ${flags.repeats}; peer: ${
    peer.versions ?? "none"
  }`,
);
for (const [work, { first, median }] of Object.entries(ours)) {
  const other = peer[work];
  const beside = other
    ? `  peer ${milliseconds(other.first)} ${milliseconds(other.median)}  ${
      (other.median / median).toFixed(1)
    } times as long`
    : "";
  console.log(`${work.padEnd(18)} ours ${milliseconds(first)} ${milliseconds(median)}${beside}`);
}

printRows(
  flags.json,
  Object.entries(ours).flatMap(([work, { median }]): Row[] => {
    const other = peer[work];
    return other
      ? [{
        subject: `${work}, ${rows} x ${columns}`,
        engine: null,
        ours: { seconds: median / 1000 },
        peer: { seconds: other.median / 1000 },
        peerName: peer.versions!,
      }]
      : [];
  }),
);

function milliseconds(value: number): string {
  return value.toFixed(0).padStart(5);
}
