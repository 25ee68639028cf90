/** The screen that the flags name: h5ad, a folder of cellranger, or a table. */
import { UsageError } from "../cli/errors.ts";
import { openH5ad } from "../io/h5ad.ts";
import type { PrepareFlags } from "./prepare_flags.ts";
import type { Screen } from "./screen.ts";
import { openMtxScreen } from "./screen_mtx.ts";
import { openTableScreen } from "./screen_table.ts";

/** @throws {UsageError} for none or several inputs @throws {DataError} when it cannot be read */
export async function openScreen(flags: PrepareFlags): Promise<Screen> {
  const named = (["h5ad", "mtx", "table"] as const).filter((name) => flags[name] !== null);
  if (named.length !== 1) {
    throw new UsageError(
      named.length === 0
        ? "Flag --h5ad is needed: the screen (or --mtx, or --table)"
        : `Cannot use ${named.map((name) => `--${name}`).join(" and ")} together: one screen is read`,
    );
  }
  if (named[0] !== "h5ad" && flags.given.has("layer")) {
    throw new UsageError(`Cannot use --layer with --${named[0]}: only h5ad files have layers`);
  }
  if (named[0] !== "mtx" && flags.guides !== null) {
    throw new UsageError("Cannot use --guides without --mtx: it names the cells of cellranger's matrix");
  }
  if (flags.mtx !== null) return await openMtxScreen(flags.mtx, flags.guides);
  if (flags.table !== null) return await openTableScreen(flags.table);
  return await openH5adScreen(flags.h5ad!, flags.layer);
}

async function openH5adScreen(path: string, layer: string): Promise<Screen> {
  const file = await openH5ad(path);
  try {
    const table = layer === "raw" && !file.layers.includes("raw") ? file.rawVar() : file.var;
    const matrix = file.matrix(layer);
    return {
      path,
      files: [path],
      obs: file.obs,
      var: table,
      matrix,
      layers: [...file.hasX ? ["X"] : [], ...file.layers, ...file.hasRaw ? ["raw"] : []],
      saysLog1p: file.saysLog1p && layer === "X",
      layer: (name) => file.matrix(name),
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}
