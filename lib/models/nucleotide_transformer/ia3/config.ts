/** Which modules of a model IA3 scales and on which side: PEFT's IA3Config and its `adapter_config.json`. */
import { RE2JS } from "npm:re2js@2.10.0";
import { DataError } from "../../../cli/errors.ts";
import { jsonReason } from "../../../io/json_file.ts";
import { readFileText } from "../../../io/read_file.ts";

/** A list of name endings, or one regular expression for the whole name, as PEFT takes them. */
export type ModulePattern = readonly string[] | string;

export interface Ia3Config {
  readonly targetModules: ModulePattern;
  /** Of the targets: those whose input is scaled; the others' output is. */
  readonly feedforwardModules: ModulePattern;
  readonly excludeModules: ModulePattern | null;
  /** The pretrained model's hub id or folder. */
  readonly baseModel: string | null;
}

/** What the fine-tuning of Nucleotide Transformer v2 trains. */
export const ntIa3Config: Ia3Config = {
  targetModules: ["attention.self.key", "attention.self.value", "intermediate.dense", "output.dense"],
  feedforwardModules: ["intermediate.dense", "output.dense"],
  excludeModules: null,
  baseModel: null,
};

/** Last parts of the names of all linear modules of the encoder. */
const linearModules = ["query", "key", "value", "dense"];

/** Which side of a module is scaled; null where IA3 leaves it alone. */
export function ia3Side(config: Ia3Config, module: string): "input" | "output" | null {
  if (config.excludeModules !== null && matches(config.excludeModules, module, isLastParts)) return null;
  if (!matches(config.targetModules, module, isLastParts)) return null;
  return matches(config.feedforwardModules, module, isEnding) ? "input" : "output";
}

function matches(
  pattern: ModulePattern,
  module: string,
  isEndOf: (ending: string, module: string) => boolean,
): boolean {
  if (typeof pattern === "string") return compiled(pattern).matches(module);
  return pattern.some((ending) => isEndOf(ending, module));
}

const expressions = new Map<string, RE2JS>();

/**
 * A regular expression of Python's, as PEFT matches whole names with. RE2 takes time linear in the name: one that comes with
 * an adapter cannot keep this program busy for ever, as JavaScript's own could.
 *
 * @throws {Error} for what RE2 does not know, such as look-ahead
 */
function compiled(pattern: string): RE2JS {
  let expression = expressions.get(pattern);
  if (!expression) {
    // Python's \Z is RE2's \z; pairs of a backslash and a character are taken as one, so that \\Z stays.
    expression = RE2JS.compile(pattern.replace(/\\[\s\S]/g, (pair) => pair === "\\Z" ? "\\z" : pair));
    expressions.set(pattern, expression);
  }
  return expression;
}

/** PEFT compares whole parts between dots where it looks for targets ... */
const isLastParts = (ending: string, module: string) => module === ending || module.endsWith(`.${ending}`);

/** ... and plain text where it asks which of them are feedforward modules. */
const isEnding = (ending: string, module: string) => module.endsWith(ending);

/** The text of `adapter_config.json`: PEFT's keys, sorted. */
export function encodeAdapterConfig(config: Ia3Config): string {
  const fields = {
    auto_mapping: null,
    base_model_name_or_path: config.baseModel,
    exclude_modules: config.excludeModules,
    fan_in_fan_out: false,
    feedforward_modules: config.feedforwardModules,
    inference_mode: true,
    init_ia3_weights: true,
    modules_to_save: ["classifier", "score"],
    peft_type: "IA3",
    peft_version: "0.20.0", // the version whose keys these are
    revision: null,
    target_modules: config.targetModules,
    task_type: "SEQ_CLS",
  };
  return JSON.stringify(fields, null, 2);
}

/**
 * Read `adapter_config.json` of an IA3 adapter. Keys that we do not know are left aside.
 *
 * @throws {DataError} when it is not JSON, or the adapter is of another kind
 */
export async function readAdapterConfig(path: string): Promise<Ia3Config> {
  const fail = (what: string) => new DataError(`Cannot use the adapter "${path}": ${what}`);
  const text = await readFileText(path);
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text);
  } catch (error) {
    throw fail(`it is not JSON (${jsonReason(error)})`);
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw fail("it is not a JSON object");
  }
  if (fields.peft_type !== "IA3") {
    throw fail(`"peft_type" is ${JSON.stringify(fields.peft_type) ?? "missing"}, expected "IA3"`);
  }
  if (fields.task_type !== undefined && fields.task_type !== null && fields.task_type !== "SEQ_CLS") {
    throw fail(`"task_type" is ${JSON.stringify(fields.task_type)}, expected "SEQ_CLS"`);
  }
  const pattern = (key: string): ModulePattern | null => {
    const value = fields[key];
    if (value === undefined || value === null) return null;
    if (typeof value === "string") {
      // PEFT's word for all linear modules but the head's.
      if (key === "target_modules" && value === "all-linear") return linearModules;
      try {
        compiled(value);
      } catch (error) {
        throw fail(
          `"${key}" is no regular expression that this program can read (${(error as Error).message}); ` +
            "a list of module names does as well",
        );
      }
      return value;
    }
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw fail(`"${key}" is neither a list of module names nor a regular expression`);
  };
  const targetModules = pattern("target_modules");
  if (targetModules === null) throw fail(`"target_modules" is missing`);
  const baseModel = fields.base_model_name_or_path;
  return {
    targetModules,
    feedforwardModules: pattern("feedforward_modules") ?? [],
    excludeModules: pattern("exclude_modules"),
    baseModel: typeof baseModel === "string" ? baseModel : null,
  };
}
