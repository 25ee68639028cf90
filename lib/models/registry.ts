import { resolve, toFileUrl } from "@std/path";
import { DataError, UsageError } from "../cli/errors.ts";
import type { ModelFamily } from "../experiment/model.ts";

/** The families of this repository, each loaded when a saved model is of its kind. */
const families: Record<string, () => Promise<ModelFamily>> = {
  linear_pca: async () => (await import("./linear_pca.ts")).linearPca,
  linear_nt_embed: async () => (await import("./linear_nt_embed.ts")).linearNtEmbed,
  constant: async () => (await import("./constant.ts")).constant,
  nearest: async () => (await import("./nearest.ts")).nearest,
  kernel_ridge: async () => (await import("./kernel_ridge.ts")).kernelRidge,
  xgboost: async () => (await import("./xgboost.ts")).xgboost,
  mlp: async () => (await import("./mlp_model.ts")).mlp,
  concat_mlp: async () => (await import("./concat_mlp_model.ts")).concatMlp,
  nt_ia3: async () => (await import("./nucleotide_transformer/ia3/model.ts")).ntIa3,
};

/**
 * The family of a saved model.
 *
 * @param code file of a model of one's own, which exports its family as `family`; its code runs
 * @throws {DataError | UsageError} when there is none of this kind
 */
export async function familyOf(kind: string, code: string | null): Promise<ModelFamily> {
  if (code !== null) return await ownFamily(kind, code);
  if (Object.hasOwn(families, kind)) return await families[kind]();
  throw new DataError(
    `Cannot use this saved model: "${kind}" is none of ${
      Object.keys(families).join(", ")
    } (for a model of your own name the ` +
      `file that defines it with --model-code)`,
  );
}

async function ownFamily(kind: string, code: string): Promise<ModelFamily> {
  let family: ModelFamily | undefined;
  try {
    ({ family } = await import(toFileUrl(resolve(code)).href));
  } catch (error) {
    throw new UsageError(
      `Cannot use --model-code "${code}": ${error instanceof Error ? error.message : error}`,
    );
  }
  if (family?.kind === kind) return family;
  throw new UsageError(
    `Cannot use --model-code "${code}": it exports ${
      family ? `the family "${family.kind}"` : "no family"
    }, the saved model is of "${kind}"`,
  );
}
