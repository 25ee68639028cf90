/** Scripts without -P: in a terminal Deno's own questions, one for each kind of permission; elsewhere one line. */
import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inFolder } from "../support/temporary_folder.ts";
import { denoRun, inTerminal, plain, terminalTest } from "../support/terminal.ts";

const flags = "--epochs 1 --hidden-dims 16 --n-top-genes 20 --device cpu --threads 2";
const question = (kind: string) => new RegExp(`requests ${kind} access[^]*Allow\\?[^]*> $`);
const kinds = ["read", "write", "env", "sys"];
/** Answers in the order of `kinds`. */
const answers = (keys: string[]) =>
  keys.map((key, i) => ({ after: question(`\\S*${kinds[i]}\\S*`), keys: `${key}\n` }));

terminalTest(
  "a script without permissions asks once for each kind and then runs",
  () =>
    inFolder(async (cwd) => {
      const options = { cwd, answers: answers(["y", "A", "y", "A"]) };
      const { code, text, questions } = await inTerminal(denoRun("hs_27_mlp_nt.ts", "", flags), options);
      assertEquals({ code, questions }, { code: 0, questions: kinds }, plain(text));
      const [first] = plain(text).split("\r\n");
      assertMatch(
        first,
        /^Deno asks what this script may do\. This command spares the questions: deno run -P \S+ --epochs 1 /,
      );
    }),
);

terminalTest(
  "a script that is denied to read says which command to run, and asks no more",
  () =>
    inFolder(async (cwd) => {
      const { code, text, questions } = await inTerminal(denoRun("hs_27_mlp_nt.ts", "", flags), {
        cwd,
        answers: answers(["n"]),
      });
      assertEquals({ code, questions }, { code: 2, questions: ["read"] });
      const last = plain(text).trimEnd().split("\r\n").at(-1)!;
      assertMatch(
        last,
        /^Cannot run without read and write permission\. Run this instead: deno run -P \S+ --epochs 1 /,
      );
    }),
);

terminalTest(
  "a script runs without the environment and what it could know of the system",
  () =>
    inFolder(async (cwd) => {
      const { code, text, questions } = await inTerminal(denoRun("hs_27_mlp_nt.ts", "", flags), {
        cwd,
        answers: answers(["A", "y", "n", "n"]),
      });
      assertEquals({ code, questions }, { code: 0, questions: kinds }, plain(text));
    }),
);

terminalTest("--help asks nothing", async () => {
  const { code, questions } = await inTerminal(denoRun("hs_27_mlp_nt.ts", "", "--help"));
  assertEquals({ code, questions }, { code: 0, questions: [] });
});

Deno.test("a permission that turns out to be missing is told with the command that has it", () =>
  inFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/in put.csv`, "id,sequence\nA,ACGT\n");
    const inference = fromFileUrl(new URL("../../scripts/inference.ts", import.meta.url));
    const args = ["--pipeline", "ntv2", "--input", "in put.csv", "--output", "x.npy"];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--allow-read", "--allow-write", "--deny-env", inference, ...args],
      cwd,
      stdin: "null",
    }).output();
    assertEquals(code, 2);
    assertMatch(
      new TextDecoder().decode(stderr),
      /^Cannot run without env access to "\w+"\. Run this instead: deno run -P \S+ --pipeline ntv2 --input 'in put\.csv' --output x\.npy\n$/,
    );
  }));
