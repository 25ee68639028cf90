/** The metrics of a comparison: names, what is best, and what a model that knows nothing reaches. */

export interface MetricInfo {
  readonly name: string;
  /** What tables and figures call it. */
  readonly title: string;
  /** Whether larger or smaller is better. */
  readonly better: "higher" | "lower";
  /** What the truth itself scores. */
  readonly best: number;
  /** What guessing reaches on average; null where there is no such number. */
  readonly chance: number | null;
  /** Whether there is a second one without the TF's own gene. Discrimination leaves it out always. */
  readonly hasOwnGene: boolean;
  /** Whether it needs a table of significant genes. */
  readonly needsDe?: boolean;
}

const higher = { better: "higher", best: 1, chance: null, hasOwnGene: true } as const;
const error = { better: "lower", best: 0, chance: null, hasOwnGene: true } as const;

const own: readonly MetricInfo[] = [
  { name: "error_ratio", title: "Error ratio", ...error },
  { name: "pearson", title: "Pearson r", ...higher, chance: 0 },
  { name: "pearson_delta", title: "Pearson delta", ...higher, chance: 0 },
  { name: "pearson_delta_top20", title: "Pearson delta, top 20", ...higher, chance: 0 },
  { name: "centroid_accuracy", title: "Centroid accuracy", ...higher, chance: 0.5 },
  { name: "discrimination_l1", title: "Discrimination L1", ...higher, chance: 0.5, hasOwnGene: false },
  { name: "discrimination_l2", title: "Discrimination L2", ...higher, chance: 0.5, hasOwnGene: false },
  {
    name: "discrimination_cosine",
    title: "Discrimination cosine",
    ...higher,
    chance: 0.5,
    hasOwnGene: false,
  },
  { name: "rank", title: "Rank", ...error, chance: 0.5 },
  { name: "overlap_20", title: "Overlap of top 20", ...higher },
  { name: "overlap_50", title: "Overlap of top 50", ...higher },
  { name: "overlap_100", title: "Overlap of top 100", ...higher },
  { name: "overlap_200", title: "Overlap of top 200", ...higher },
  { name: "direction_match", title: "Direction match", ...higher, chance: 0.5 },
  { name: "de_auprc", title: "DE AUPRC", ...higher, needsDe: true },
  { name: "de_auroc", title: "DE AUROC", ...higher, chance: 0.5, needsDe: true },
  { name: "de_spearman", title: "DE Spearman", ...higher, chance: 0, needsDe: true },
  { name: "rmse", title: "RMSE", ...error },
  { name: "mae", title: "MAE", ...error },
  { name: "mse", title: "MSE", ...error },
  { name: "l2", title: "L2 error", ...error },
];

/** End of the name of a metric that leaves the TF's own gene out. */
export const ownGeneOut = "_own_gene_out";

/** Sizes of the lists whose overlap is judged. */
export const overlapSizes = [20, 50, 100, 200] as const;

/** All metrics in the order of tables, those without the own gene behind. @param withDe whether significant genes are known */
export function metricList(withDe: boolean): MetricInfo[] {
  const known = own.filter(({ needsDe }) => withDe || !needsDe);
  const without = known.filter(({ hasOwnGene }) => hasOwnGene).map((metric) => ({
    ...metric,
    name: metric.name + ownGeneOut,
    title: `${metric.title}, own gene out`,
  }));
  return [...known, ...without];
}
