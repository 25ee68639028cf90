/** Ctrl-C and SIGTERM: one line that says what is kept and how to go on. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { commandLine, shellQuoted } from "../../lib/cli/command_line.ts";
import { interruptText, onInterrupt } from "../../lib/cli/interrupt.ts";
import { golden } from "../support/golden.ts";
import { screenOf } from "../support/screen.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { denoRun, inTerminal, repository, terminalTest } from "../support/terminal.ts";

const steps = `'${Deno.execPath()}' run -q -P tests/terminal/steps.ts`;
const ctrlC = "\x03";

terminalTest(
  "Ctrl-C names what is kept and the command that goes on, in place of the bar; the exit code is 130",
  async () => {
    const flags = `--progress --keep --endless 1 --note "it's $5"`;
    const { code, text } = await inTerminal(`${steps} ${flags.replace("$", "\\$")}`, {
      columns: 200,
      answers: [{ after: /About fold 0[^]*fold 1/, keys: ctrlC }],
    });
    assertEquals(code, 130);
    const screen = screenOf(text.replaceAll("^C", ""), 200).filter((line) => line !== "");
    const command =
      `deno run -P tests/terminal/steps.ts --progress --keep --endless 1 --note 'it'\\''s $5' --resume`;
    assertEquals(screen, [
      "[warn] About fold 0",
      `Stopped. Kept: 1 of 5 folds in "my results". Go on with: ${command}`,
    ]);
  },
);

terminalTest("Ctrl-C says where nothing is kept", async () => {
  const { code, text } = await inTerminal(`${steps} --progress --endless 0`, {
    answers: [{ after: /fold 0/, keys: ctrlC }],
  });
  assertEquals(code, 130);
  assertEquals(screenOf(text.replaceAll("^C", ""), 80).filter((line) => line !== ""), [
    "Stopped. Nothing is kept",
  ]);
});

terminalTest("Ctrl-C is heard while the CPU engine trains", () =>
  inFolder(async (cwd) => {
    for (const script of ["hs_27_mlp_nt.ts", "concat_gene_tf_mlp.ts"]) {
      const flags = "--epochs 100000 --patience 100000 --hidden-dims 16 --device cpu --progress";
      const { code, text } = await inTerminal(denoRun(script, "-P", flags), {
        cwd,
        answers: [{ after: /Folds done/, keys: ctrlC }],
      });
      assertEquals(code, 130, text);
      assert(/Stopped\. .*\r\n$/.test(text), text.slice(-300));
    }
  }));

terminalTest(
  "inference.ts goes on after Ctrl-C with the command that it names",
  () =>
    inFolder(async (folder) => {
      const cwd = join(folder, "my data");
      await Deno.mkdir(cwd);
      const sequences = Array.from({ length: 2000 }, (_, i) => `G${i},${"ACGTTGCA".repeat(60 + i % 50)}`);
      await Deno.writeTextFile(join(cwd, "in.csv"), `gene_id,sequence\n${sequences.join("\n")}\n`);
      const flags = `--model '${
        golden("deep/nt_tiny")
      }' --pipeline ntv2 --input in.csv --output 'my vectors.npy'`;
      const more = "--device cpu --threads 1 --batch-size 1 --progress";
      const { code, text } = await inTerminal(denoRun("inference.ts", "-P", `${flags} ${more}`), {
        cwd,
        columns: 500,
        answers: [{ after: /NT █/, keys: ctrlC }],
      });
      assertEquals(code, 130, text);
      const [, kept, command] =
        /Stopped\. Kept: (\d+) of 2000 sequences in "my vectors\.npy\.unfinished"\. Go on with: deno (.*)\r/
          .exec(text)!;
      const again = await inTerminal(`'${Deno.execPath()}' ${command.replace("run", "run -q")}`, { cwd });
      assertEquals(again.code, 0, again.text);
      // A batch may have been written and not counted yet.
      const resumed = Number(/Resuming: (\d+) sequences of 2000 are done/.exec(again.text)![1]);
      assert(resumed >= Number(kept) && resumed < 2000, `${kept}, ${resumed}`);
      const names = (await Array.fromAsync(Deno.readDir(cwd))).map(({ name }) => name);
      assertEquals(names.filter((name) => name.endsWith(".unfinished")), []);
    }),
);

Deno.test({
  name: "SIGTERM ends a script with the same line and 143",
  ignore: Deno.build.os === "windows",
  async fn() {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-P", "tests/terminal/steps.ts", "--keep", "--endless", "1"],
      cwd: repository,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const error = new Response(process.stderr).text();
    let out = "";
    for await (const piece of process.stdout.pipeThrough(new TextDecoderStream())) {
      if (!out.includes("Fold 0") && (out += piece).includes("Fold 0")) process.kill("SIGTERM");
    }
    assertEquals((await process.status).code, 143);
    assertEquals(
      await error,
      'Stopped. Kept: 1 of 5 folds in "my results". Go on with: ' +
        "deno run -P tests/terminal/steps.ts --keep --endless 1 --resume\n",
    );
  },
});

Deno.test("interruptText() asks every keeper until it is released, and survives one that fails", () => {
  const nothing = "Stopped. Nothing is kept";
  assertEquals(interruptText(), nothing);
  const releases = [
    onInterrupt(() => null),
    onInterrupt(() => {
      throw new Error("half done");
    }),
    onInterrupt(() => ({ kept: '2 of 5 folds in "results/x"', resume: "deno run -P x.ts --resume" })),
  ];
  assertEquals(
    interruptText(),
    'Stopped. Kept: 2 of 5 folds in "results/x". Go on with: deno run -P x.ts --resume',
  );
  releases.forEach((release) => release());
  assertEquals(interruptText(), nothing);
});

Deno.test("commandLine() quotes what a shell would change", () => {
  assertEquals(
    commandLine(
      "scripts/x.ts",
      ["--data-dir", "my data", "--ids=a,b", "--note", "$HOME", "*", "it's", ""],
      "",
    ),
    `deno run -P scripts/x.ts --data-dir 'my data' --ids=a,b --note '$HOME' '*' 'it'\\''s' ''`,
  );
  assertEquals(commandLine("my scripts/x.ts", [], "blas"), "deno run -P=blas 'my scripts/x.ts'");
});

Deno.test({
  name: "a POSIX shell reads back what shellQuoted() writes",
  ignore: Deno.build.os === "windows",
  async fn() {
    const words = [
      "plain",
      "a b",
      "$(date)",
      "`date`",
      '"',
      "'",
      "\\",
      "!",
      "a\nb",
      "~",
      "é",
      "-x",
      "{a,b}",
      "#",
    ];
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `printf '%s\\0' ${words.map(shellQuoted).join(" ")}`],
    }).output();
    assertEquals(new TextDecoder().decode(stdout).split("\0").slice(0, -1), words);
  },
});
