/** The plots of a result: predicted against measured values of held-out rows, and of training rows. */
import { log } from "../cli/log.ts";
import { plotLimits } from "../evaluation/plot_limits.ts";
import type { PngRenderer } from "../evaluation/png_renderer.ts";
import { drawPredictionPlot } from "../evaluation/prediction_plot.ts";
import { writeFileAtomic } from "../io/atomic_write.ts";
import type { Matrix } from "../linalg/matrix.ts";
import { type Collected, collectTraining } from "./collect.ts";
import type { ExperimentFlags } from "./flags.ts";
import { firstTrainedIn } from "./fold_task.ts";
import type { ExperimentData, Model } from "./model.ts";
import type { PartStore } from "./part_store.ts";
import type { ResultFolder } from "./result_folder.ts";

export interface ResultPlotsOptions {
  readonly data: ExperimentData;
  /** What plots call the model. */
  readonly label: string;
  readonly flags: ExperimentFlags;
  /** Draws beside the run; null where plots are drawn when they are written. */
  readonly renderer: PngRenderer | null;
}

export class ResultPlots {
  readonly #options: ResultPlotsOptions;
  #training: Promise<string | Uint8Array> | null = null;

  constructor(options: ResultPlotsOptions) {
    this.#options = options;
  }

  /**
   * After a fold is learned: where it is the last one that shows training rows, their plot is drawn beside the folds that are
   * still to come. Only in a whole run whose parts are in memory.
   */
  async afterFold(fold: number, model: Model, store: PartStore): Promise<void> {
    const { data, flags, renderer } = this.#options;
    const isWhole = model.isQuick && "fit" in model && model.predictsTraining && flags.folds.length === 0;
    if (renderer === null || !isWhole || flags.resume || this.#training) return;
    const later = Array.from(data.folds.keys()).slice(fold + 1);
    if (later.some((other) => firstTrainedIn(data, other).length > 0)) return;
    const training = await collectTraining(data, store, fold + 1);
    if (training) this.#training = this.#drawn("Train Pred vs GT", training);
  }

  /** Draw what is not drawn yet, and write all of them. @returns what tells where they are, once they are written */
  write(folder: ResultFolder, { heldOut, training }: Collected): Promise<() => void> {
    const { plotFormat } = this.#options.flags;
    const file = async (name: string, picture: Promise<string | Uint8Array>) => {
      await writeFileAtomic(folder.staged(`${name}.${plotFormat}`), await picture);
      return folder.final(`${name}.${plotFormat}`);
    };
    const written = [file("pred_vs_gt", this.#drawn("Pred vs GT", heldOut))];
    if (training) {
      const picture = this.#training ?? this.#drawn("Train Pred vs GT", training);
      written.push(file("pred_vs_gt_train", picture));
    }
    const all = Promise.all(written).then((paths) => () => {
      for (const path of paths) log.info(`Saved plot to ${path}`);
    });
    all.catch(() => {}); // awaited later: until then a failure is not unhandled
    return all;
  }

  #drawn(heading: string, prediction: Matrix): Promise<string | Uint8Array> {
    const { data, label, flags, renderer } = this.#options;
    const plot = { model: label, heading, truth: data.targets.values, prediction };
    const drawn = drawPredictionPlot(
      { ...plot, limits: plotLimits(flags.plotLimits) },
      flags.plotFormat,
      renderer,
    );
    drawn.catch(() => {}); // as above
    return drawn;
  }
}
