/** A reference run of an original script, as golden/<collection>/runs.json lists it. */
export interface GoldenRun {
  name: string;
  /** Folder of the run: "lel_pca", "lel_embed", "xgboost", ... */
  group: string;
  script: string;
  dataset: string;
  /** As on the Python's command line; {DATA} stands for the data folder. */
  flags: string[];
  status: number;
}

/** The runs of some groups. */
export function goldenRuns(path: string, groups: readonly string[]): GoldenRun[] {
  const runs: GoldenRun[] = JSON.parse(pythonNumbers(Deno.readTextFileSync(path)));
  return runs.filter((run) => groups.includes(run.group));
}

/** JSON as Python writes it, with NaN and infinities (which become null). */
// deno-lint-ignore no-explicit-any
export async function pythonJson(path: string): Promise<any> {
  return JSON.parse(pythonNumbers(await Deno.readTextFile(path)));
}

function pythonNumbers(text: string): string {
  return text.replaceAll(/(?<=[\s\[:,])(-?Infinity|NaN)(?=[\s,\]}])/g, "null");
}
