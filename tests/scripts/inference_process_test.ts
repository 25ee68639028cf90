/** inference.ts as a process: exit codes, and a kill in the middle of a run that --resume goes on from. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { ModelStream } from "../../lib/random/model_stream.ts";
import { deepGolden } from "../support/deep_golden.ts";

const repository = fromFileUrl(new URL("../../", import.meta.url));
const command = (args: string[]) =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", "scripts/inference.ts", "--device", "cpu", "--threads", "1", ...args],
    cwd: repository,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });

async function run(args: string[]): Promise<{ code: number; out: string; error: string }> {
  const { code, stdout, stderr } = await command(args).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

/** Run until so many bytes of vectors are kept, then kill. */
async function runAndKill(args: string[], unfinished: string, bytes: number): Promise<void> {
  const process = command(args).spawn();
  const over = process.output();
  let isOver = false;
  over.then(() => isOver = true);
  const kept = async () => (await Deno.stat(unfinished).catch(() => null))?.size ?? 0;
  while (!isOver && await kept() <= bytes) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  process.kill("SIGKILL");
  assertEquals((await over).signal, "SIGKILL", "it was over before it could be killed");
}

function processTest(name: string, body: (folder: string) => Promise<void>) {
  const shownName = `${name}${deepGolden ? "" : " [left out: needs ../shared]"}`;
  Deno.test({ name: shownName, ignore: deepGolden === null }, async () => {
    const folder = await Deno.makeTempDir({ prefix: "inference" });
    try {
      await body(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Random DNA of unequal lengths. */
function randomSequences(folder: string, count: number): string {
  const stream = new ModelStream(7), path = join(folder, "in.csv");
  const rows = Array.from({ length: count }, (_, i) => {
    const letters = Array.from({ length: 600 + stream.below(1200) }, () => "ACGT"[stream.below(4)]);
    return `G${i},${letters.join("")}\n`;
  });
  Deno.writeTextFileSync(path, "gene_id,sequence\n" + rows.join(""));
  return path;
}

/** The tiny NT in a folder that may be changed. */
async function ntCopy(folder: string): Promise<string> {
  const copy = join(folder, "nt");
  await Deno.mkdir(copy);
  for (const name of ["config.json", "vocab.txt", "model.safetensors"]) {
    await Deno.writeFile(join(copy, name), await Deno.readFile(join(deepGolden!, "nt_tiny", name)));
  }
  return copy;
}

processTest(
  "--resume after a kill ends in the bytes of an undisturbed run, whole or a shard",
  async (folder) => {
    const model = await ntCopy(folder), input = randomSequences(folder, 300);
    const args = (
      output: string,
    ) => ["--pipeline", "ntv2", "--model", model, "--input", input, "--output", output, "--batch-size", "2"];
    for (const [name, shard] of [["x", []], ["x.shard-2-of-2", ["--shard", "2/2"]]] as const) {
      const whole = join(folder, "whole", "x.npy"), killed = join(folder, "killed", "x.npy");
      assertEquals((await run([...args(whole), ...shard])).code, 0);
      await runAndKill([...args(killed), ...shard], join(folder, "killed", `${name}.npy.unfinished`), 2000);
      const { code, out } = await run([...args(killed), ...shard, "--resume"]);
      assertEquals(code, 0);
      assertMatch(out, /^\[info\] Resuming: \d+ sequences of (300|150) are done$/m);
      for (const file of [`${name}.npy`, `${name}.json`]) {
        const [a, b] = ["whole", "killed"].map((run) => Deno.readFileSync(join(folder, run, file)));
        assertEquals(a, b, file);
      }
    }
  },
);

processTest(
  "layers, poolings, strands, windows and token vectors killed at three moments end in the same bytes",
  async (folder) => {
    const model = await ntCopy(folder), input = randomSequences(folder, 60);
    const jobs = {
      pieces: [
        "--layer",
        "2",
        "last",
        "--pooling-method",
        "mean",
        "max",
        "--both-strands",
        "--windows",
        "300:200",
      ],
      tokens: ["--pooling-method", "none", "mean", "--windows", "300:200", "--keep-windows"],
      shard: ["--layer", "all", "--pooling-method", "none", "--shard", "1/2"],
    };
    for (const [name, flags] of Object.entries(jobs)) {
      const args = (run: string) => {
        const output = ["--output", join(folder, name, run, "x.npy")];
        return [
          "--pipeline",
          "ntv2",
          "--model",
          model,
          "--input",
          input,
          "--batch-size",
          "3",
          ...output,
          ...flags,
        ];
      };
      const kept = name === "shard" ? "x.shard-1-of-2.npy.unfinished" : "x.npy.unfinished";
      assertEquals((await run(args("whole"))).code, 0);
      const whole = filesBelow(join(folder, name, "whole"));
      const unfinished = join(folder, name, "killed", kept);
      let bytes = 0;
      for (const moment of [1, 2, 3]) {
        await runAndKill(moment === 1 ? args("killed") : [...args("killed"), "--resume"], unfinished, bytes);
        bytes = Deno.statSync(unfinished).size;
      }
      // What a kill leaves of a record that was being written.
      await Deno.writeFile(unfinished, new Uint8Array(5), { append: true });
      const { code, out } = await run([...args("killed"), "--resume"]);
      assertEquals(code, 0);
      assertMatch(out, /^\[info\] Resuming: \d+ (pieces|sequences?) of \d+ are done$/m);
      assertEquals(filesBelow(join(folder, name, "killed")), whole);
      for (const file of whole) {
        const [a, b] = ["whole", "killed"].map((run) => Deno.readFileSync(join(folder, name, run, file)));
        assertEquals(a, b, `${name} ${file}`);
      }
    }
  },
);

/** Paths of all files below a folder, without those that a kill left half written under names of their own. */
function filesBelow(folder: string, below = ""): string[] {
  const entries = [...Deno.readDirSync(join(folder, below))].filter(({ name }) => !name.endsWith(".tmp"));
  return entries.flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(folder, join(below, name)) : [join(below, name)]
  ).sort();
}

processTest(
  "--resume refuses weights that changed in their folder, and takes another spelling of it",
  async (folder) => {
    const model = await ntCopy(folder), input = randomSequences(folder, 300);
    const output = join(folder, "x.npy");
    const args = (
      model: string,
    ) => ["--pipeline", "ntv2", "--model", model, "--input", input, "--output", output, "--batch-size", "2"];
    await runAndKill(args(model), `${output}.unfinished`, 2000);
    const path = join(model, "model.safetensors"), weights = await Deno.readFile(path);
    const changed = weights.slice();
    changed[changed.length - 1] ^= 1; // same size, same header
    await Deno.writeFile(path, changed);
    const other = await run([...args(model), "--resume"]);
    assertEquals(other.code, 1);
    assertMatch(
      other.error,
      /^Cannot resume from ".*x\.npy\.unfinished": its weights_sha256 is "\w{64}", now "\w{64}" \(.*\)\n$/,
    );
    await Deno.writeFile(path, weights);
    const { code, out } = await run([...args(join(model, "..", "nt") + "/./"), "--resume"]);
    assertEquals(code, 0);
    assert(out.includes("Resuming:"));
  },
);

processTest("of two runs that would write one file the second says who is there", async (folder) => {
  const model = await ntCopy(folder), input = randomSequences(folder, 1200), output = join(folder, "x.npy");
  const args = [
    "--pipeline",
    "ntv2",
    "--model",
    model,
    "--input",
    input,
    "--output",
    output,
    "--batch-size",
    "1",
  ];
  const first = command(args).spawn(), over = first.output();
  while ((await Deno.stat(`${output}.unfinished`).catch(() => null)) === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const more of [[], ["--resume"]]) {
    const { code, error } = await run([...args, ...more]);
    assertEquals(code, 1);
    assertMatch(
      error,
      new RegExp(
        `^Cannot write this result: process ${first.pid}( on host .*)?, since .* name another --output\\n$`,
      ),
    );
  }
  assertEquals((await over).code, 0);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assertEquals(names, ["in.csv", "nt", "x.json", "x.npy", "x_gene_ids.npy"]);
});

processTest("exit codes: 2 for a wrong command line, 1 for bad data, each with one line", async (folder) => {
  const usage = await run(["--pipeline", "ntv2", "--input", "in.csv"]);
  assertEquals([usage.code, usage.error], [2, "Flag --output is needed too\n"]);
  const input = join(folder, "absent.csv");
  const args = ["--pipeline", "ntv2", "--model", join(deepGolden!, "nt_tiny"), "--input", input];
  const data = await run([...args, "--output", join(folder, "x.npy")]);
  assertEquals([data.code, data.error], [1, `Cannot read "${input}": there is no such file\n`]);
});
