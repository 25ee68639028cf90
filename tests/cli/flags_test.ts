import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../lib/cli/errors.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { HelpRequest } from "../../lib/cli/help.ts";

const declarations = {
  "lambda-ridge": { default: 0.1, min: 0, help: "ridge", group: "Model" },
  "hidden-dims": { default: [1024, 512], min: 1, help: "widths" },
  "rate": { default: 1, integer: false, above: 0, below: 2, help: "rate" },
  "restore": { default: "best", choices: ["best", "last"], help: "which weights" },
  "cv-splits-file": { default: null, type: "text", value: "FILE", help: "splits" },
  "max-genes": { default: null, type: "integer", min: 1, max: 9, help: "genes" },
  "progress": { default: false, help: "bar" },
  "folds": {
    default: [],
    integer: true,
    min: 0,
    value: "N ...",
    shownDefault: "all",
    help: "folds",
    aliases: ["parts"],
  },
} as const;

const parse = (...args: string[]) =>
  parseFlags(declarations, { script: "scripts/x.ts", about: "Tries flags." }, args);

Deno.test("parseFlags() takes an older name of a flag", () => {
  assertEquals(parse("--parts", "1", "2").folds, [1, 2]);
});

Deno.test("parseFlags() takes a word behind a switch that knows it, and leaves others", () => {
  const save = (...args: string[]) =>
    parseFlags({ save: { default: false, words: ["json"], help: "" } }, { script: "x", about: "x" }, args)
      .save;
  assertEquals([save(), save("--save"), save("--save", "json"), save("--save=json"), save("--no-save")], [
    false,
    true,
    "json",
    "json",
    false,
  ]);
});

Deno.test("parseFlags() takes several files, with commas in their names, and adds up repeated flags", () => {
  const files = (...args: string[]) =>
    parseFlags(
      { files: { default: null, type: "texts", value: "FILE ...", help: "" } },
      { script: "x", about: "x" },
      args,
    )
      .files;
  assertEquals([files(), files("--files", "a,b.npy", "c d.npy")], [null, ["a,b.npy", "c d.npy"]]);
  assertEquals(files("--files", "a", "--files=b"), ["a", "b"]);
  assertThrows(() => files("--files"), UsageError, "needs a value");
  assertThrows(() => files("--files="), UsageError, "empty");
});

Deno.test("parseFlags() takes several words of a choice, with commas or without", () => {
  const models = (...args: string[]) =>
    parseFlags({ models: { default: ["zero", "mean"], choices: ["zero", "mean", "nearest"], help: "" } }, {
      script: "x",
      about: "x",
    }, args).models;
  assertEquals([models(), models("--models", "nearest", "zero"), models("--models=mean,zero")], [
    ["zero", "mean"],
    ["nearest", "zero"],
    ["mean", "zero"],
  ]);
  assertThrows(() => models("--models", "men"), UsageError, "choose one of zero, mean, nearest");
});

Deno.test("parseFlags() takes several words of a flag, each one that it knows", () => {
  const pooling = { default: ["mean"], choices: ["mean", "max", "cls"], help: "" } as const;
  const layer = { default: ["last"], value: "N", help: "" } as const;
  const words = (...args: string[]) => {
    const flags = parseFlags({ pooling, layer }, { script: "x", about: "x" }, args);
    return [...flags.pooling, ...flags.layer];
  };
  assertEquals(words(), ["mean", "last"]);
  assertEquals(words("--pooling", "max", "cls", "--layer", "4", "last"), ["max", "cls", "4", "last"]);
  assertEquals(words("--pooling=max,mean", "--layer=0"), ["max", "mean", "0"]);
  assertThrows(
    () => words("--pooling", "max", "median"),
    UsageError,
    'Cannot use --pooling "median": choose one of mean, max, cls',
  );
  assertThrows(() => words("--layer"), UsageError, "Flag --layer needs a value, such as --layer last");
});

Deno.test("parseFlags() gives defaults, and says which flags were given", () => {
  const { given, ...values } = parse();
  assertEquals(given.size, 0);
  assertEquals(values as Record<string, unknown>, {
    lambdaRidge: 0.1,
    hiddenDims: [1024, 512],
    rate: 1,
    restore: "best",
    cvSplitsFile: null,
    maxGenes: null,
    progress: false,
    folds: [],
    help: false,
    debug: false,
  });
  assertEquals([...parse("--lambda-ridge", "2").given], ["lambda-ridge"]);
});

Deno.test("parseFlags() reads --flag value, --flag=value, underscores, several values, and the last of repeated flags", () => {
  const flags = parse(
    "--lambda_ridge=3",
    "--hidden_dims",
    "8",
    "4",
    "2",
    "--progress",
    "--rate",
    "1.5",
    "--rate",
    "0.5",
  );
  assertEquals([flags.lambdaRidge, flags.hiddenDims, flags.progress, flags.rate], [3, [8, 4, 2], true, 0.5]);
  assertEquals(parse("--hidden-dims=8,4").hiddenDims, [8, 4]);
  assertEquals(parse("--cv-splits-file", "a b.pkl").cvSplitsFile, "a b.pkl");
});

Deno.test("parseFlags() turns switches on and off", () => {
  assertEquals(parse("--progress", "--no-progress").progress, false);
  assertEquals(parse("--progress=false").progress, false);
  assertThrows(() => parse("--progress=maybe"), UsageError, "a switch takes true or false");
});

for (
  const [args, message] of [
    [["--lamda-ridge", "1"], "Unknown flag --lamda-ridge. Did you mean --lambda-ridge?"],
    [["--lambda"], "Unknown flag --lambda. Did you mean --lambda-ridge?"],
    [["--zebra"], "Unknown flag --zebra (--help lists all)"],
    [["--fold"], "Unknown flag --fold. Did you mean --folds?"],
    [["--raet", "1"], "Unknown flag --raet. Did you mean --rate?"],
    [["--gpu"], "Unknown flag --gpu (--help lists all)"],
    [["--folds"], "Flag --folds needs a value, such as --folds 0 2"],
    [["--no-rate"], "Unknown flag --no-rate (--help lists all)"],
    [["--max-genes", "0"], "Cannot use --max-genes 0: it must be at least 1"],
    [["--max-genes", "10"], "Cannot use --max-genes 10: it must be at most 9"],
    [["--max-genes", "1.5"], "Cannot use --max-genes 1.5: it must be a whole number"],
    [["--rate", "0"], "Cannot use --rate 0: it must be above 0"],
    [["--rate", "2"], "Cannot use --rate 2: it must be below 2"],
    [["--rate", "nan"], "Cannot use --rate nan: it must be a number"],
    [["--rate="], `Cannot use --rate "": it must be a number`],
    [["--hidden-dims", "8", "0"], "Cannot use --hidden-dims 0: it must be at least 1"],
    [["--hidden-dims"], "Flag --hidden-dims needs a value, such as --hidden-dims 1024 512"],
    [["--cv-splits-file", "--progress"], "Flag --cv-splits-file needs a value"],
    [["--restore", "first"], `Cannot use --restore "first": choose one of best, last`],
    [["data"], `Cannot use "data": flags start with two dashes`],
  ] as const
) {
  Deno.test(`parseFlags() refuses ${args.join(" ")}`, () => {
    assertThrows(() => parse(...args), UsageError, message);
  });
}

Deno.test("parseFlags() takes a negative number as a value, not as a flag", () => {
  assertThrows(
    () => parse("--lambda-ridge", "-1"),
    UsageError,
    "Cannot use --lambda-ridge -1: it must be at least 0",
  );
});

Deno.test("--help prints flags by group with their defaults", () => {
  const { message } = assertThrows(() => parse("--help"), HelpRequest);
  assertEquals(
    message,
    `Tries flags.

Usage: deno run -P scripts/x.ts [flags]

Model
  --lambda-ridge N            ridge (default: 0.1)

Options
  --hidden-dims N ...         widths (default: 1024 512)
  --rate N                    rate (default: 1)
  --restore WORD              which weights: best or last (default: best)
  --cv-splits-file FILE       splits
  --max-genes N               genes
  --progress                  bar
  --folds N ...               folds (default: all); also --parts

General
  --help                      print this and stop
  --debug                     on an error, print where in the code it arose`,
  );
});
