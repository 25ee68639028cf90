/** What a screen holds, in lines, and the command that suits it. */
import { DataError } from "../cli/errors.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import { commandLine } from "../cli/command_line.ts";
import { chooseControls, mostFrequent } from "./controls.ts";
import { adjustedLayer } from "./de_genes.ts";
import { perturbationCandidates, perturbationColumn } from "./perturbation_column.ts";
import { labelCounts, type ScreenFacts } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import type { Screen } from "./screen.ts";

export function inspectionLines(screen: Screen, facts: ScreenFacts, flags: PrepareFlags): string[] {
  const { matrix, obs } = screen, { genes, values, known } = facts;
  const share = matrix.stored / Math.max(1, matrix.rows * matrix.columns);
  const isGene = (label: string) => known.find(label) !== null;
  const lines = [
    `${screen.path}: ${matrix.rows} rows x ${matrix.columns} genes, ${matrix.layout}${
      share < 1 ? `, ${(100 * share).toFixed(1)}% stored` : ""
    }`,
    `layers: ${screen.layers.join(", ") || "none"}`,
    `values of ${matrix.name}: ${values.kind} (${values.reason})`,
    `genes: ${genes.reason} (${someIds(genes.ids, 3)}); symbols such as ${someIds(genes.symbols, 3)}`,
    `columns of obs: ${
      [...obs.columns].map(([name, { kind }]) => `${shortId(name)} (${kind})`).join(", ") || "none"
    }`,
    "candidates for the perturbation column:",
    ...perturbationCandidates(obs, isGene).slice(0, 6).map(({ name, labels, genes }) =>
      `  ${shortId(name)}: ${labels} labels, ${Math.round(100 * genes)}% of them genes`
    ),
  ];
  return [...lines, ...suggestion(screen, facts, flags, isGene)];
}

function suggestion(
  screen: Screen,
  facts: ScreenFacts,
  flags: PrepareFlags,
  isGene: (label: string) => boolean,
): string[] {
  const words = flags.mtx !== null
    ? ["--mtx", flags.mtx, "--guides", flags.guides ?? ""]
    : [flags.table === null ? "--h5ad" : "--table", screen.path];
  if (flags.layer !== "X") words.push("--layer", flags.layer);
  const lines: string[] = [];
  try {
    const column = perturbationColumn(screen.obs, screen.path, flags.perturbationCol, isGene);
    const counts = labelCounts(column);
    lines.push(
      `perturbations: column "${column.name}", ${column.reason}: ${counts.size} labels (${
        mostFrequent(counts)
      })`,
    );
    words.push("--perturbation-col", column.name);
    const asked = { kind: flags.control, labels: flags.controlLabel, compat: false };
    try {
      const controls = chooseControls(asked, counts, screen.obs, screen.path);
      lines.push(`controls: ${controls.kind}, ${controls.reason}`);
      for (const label of flags.controlLabel ?? []) words.push("--control-label", label);
      if (flags.control !== null && flags.control !== "label") words.push("--control", flags.control);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      lines.push("controls: none found by their labels");
      words.push("--control", facts.values.kind === "relative" ? "none" : "all-mean");
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    lines.push(error.message);
    words.push("--perturbation-col", "NAME");
  }
  if (facts.values.kind !== "counts") words.push("--normalize", "none");
  const layer = adjustedLayer(screen.layers);
  if (layer !== undefined) words.push("--de-layer", layer);
  words.push(
    "--gtf",
    flags.gtf ?? "genes.gtf.gz",
    "--genome",
    flags.genome ?? "genome.fa",
    "--output",
    flags.output ?? "my-data",
  );
  return [...lines, "suggested:", `  ${commandLine("scripts/prepare_data.ts", words, "")}`];
}
