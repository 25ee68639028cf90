/** Standard output and error that are closed or full never cost a result: case progress_broken_stderr. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { readManifest } from "../../lib/experiment/manifest.ts";
import { golden } from "../support/golden.ts";
import { repository } from "../support/terminal.ts";
import { inFolder } from "../support/temporary_folder.ts";

const data = golden("synthetic/datasets/s")!;
const network = "--device cpu --threads 1 --hidden-dims 4 --epochs 2 --n-folds 2 --n-top-genes 6";
const linear = "hs27_lel.ts", mlp = "hs_27_mlp_nt.ts";

const endings: [what: string, script: string, flags: string, redirected: string][] = [
  ["a reader that stops after a line", linear, "--progress", "2>&1 | head -1"],
  [
    "a reader of standard error that stops at once",
    mlp,
    `--progress ${network}`,
    "2> >(head -c 5 > /dev/null)",
  ],
  ["a full device as standard output", linear, "", "> /dev/full"],
  ["a full device as standard error", mlp, `--progress ${network}`, "2> /dev/full"],
  ["closed standard output and error", linear, "--progress", ">&- 2>&-"],
];
const ignore = Deno.build.os !== "linux";
for (const [what, script, flags, redirected] of endings) {
  Deno.test({
    name: `a run with ${what} ends with its whole result`,
    ignore,
    fn: () =>
      inFolder(async (folder) => {
        const command =
          `deno run -q -P scripts/${script} --data-dir '${data}' --plot-format svg --bootstrap 10 ` +
          `${flags} --output-dir '${folder}' ${redirected}`;
        const { code } = await new Deno.Command("bash", {
          args: ["-c", `set -o pipefail; deno() { '${Deno.execPath()}' "$@"; }; ${command}`],
          cwd: repository,
          stdin: "null",
          stdout: "null",
          stderr: "null",
        }).output();
        assertEquals(code, 0);
        const [name] = [...Deno.readDirSync(folder)].map(({ name }) => name);
        assertEquals(
          (await readManifest(join(folder, name)))?.files.some(({ path }) => path === "summary.json"),
          true,
        );
      }),
  });
}
