/** Where significant genes come from. */
import { UsageError } from "../cli/errors.ts";
import { log } from "../cli/log.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { adjustedLayer, deByLayer, deByWelch } from "./de_genes.ts";
import type { GroupCentres } from "./group_centres.ts";
import type { Plan } from "./plan.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import type { Screen } from "./screen.ts";

export type DeWay =
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "welch"; readonly reason: string }
  | { readonly kind: "layer"; readonly layer: string; readonly reason: string };

/** @throws {UsageError} for a way that the screen does not allow */
export function chooseDe(
  screen: Screen,
  { controls, grouping, normalize }: Plan,
  flags: PrepareFlags,
): DeWay {
  const way = deWay(screen, { controls, grouping, normalize }, flags);
  log.info(`Significant genes: ${way.reason}`);
  return way;
}

function deWay(
  screen: Screen,
  { controls, grouping: { counts } }: Pick<Plan, "controls" | "grouping" | "normalize">,
  { de, deLayer, guideWeights }: PrepareFlags,
): DeWay {
  if (de === "none") return { kind: "none", reason: "none, asked for" };
  const layer = deLayer ?? adjustedLayer(screen.layers);
  if (layer !== undefined && de !== "welch") {
    return { kind: "layer", layer, reason: `layer "${layer}", the least of a TF's rows times their number` };
  }
  if (de === "layer") {
    throw new UsageError(
      "Cannot use --de layer: no layer is named as adjusted p values are (--de-layer names it)",
    );
  }
  const why = controls.kind !== "label"
    ? "there are no control rows"
    : counts.controls < 2
    ? "there is one control row"
    : guideWeights === "cells"
    ? "rows do not count alike (--guide-weights cells)"
    : null;
  if (why === null) {
    return { kind: "welch", reason: "Welch's t test of rows against control rows, adjusted by BH" };
  }
  if (de === "welch") throw new UsageError(`Cannot use --de welch: ${why}`);
  return { kind: "none", reason: `none: no layer of adjusted p, and ${why}` };
}

/** @param genes places of the genes that are kept */
export async function deTable(
  way: DeWay,
  { screen, plan, centres, genes }: {
    screen: Screen;
    plan: Plan;
    centres: GroupCentres;
    genes: readonly number[];
  },
): Promise<Matrix | null> {
  const { groups } = plan.grouping;
  if (way.kind === "none") return null;
  if (way.kind === "welch") return deByWelch(groups, centres, genes);
  const columns = genes.map((place) => plan.columns[place]);
  return await deByLayer(screen.layer(way.layer), {
    path: screen.path,
    matrix: screen.matrix,
    groups,
    columns,
  });
}
