/** Bars and log lines: in narrow terminals, without colours, and where nobody reads them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { quickRuns, writeQuickInputs } from "../support/quick_runs.ts";
import { screenOf } from "../support/screen.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { denoRun, inTerminal, plain, repository, terminalTest } from "../support/terminal.ts";

const steps = (flags: string) =>
  `'${Deno.execPath()}' run -q -P '${repository}tests/terminal/steps.ts' ${flags}`;

/** Run a POSIX shell's command line without a terminal. */
async function shell(command: string, cwd = repository) {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", command],
    cwd,
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), error: text(stderr) };
}

/** A test of redirections that a POSIX shell makes. */
function shellTest(name: string, body: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os === "windows", fn: body });
}

/** Texts that a bar drew, one after the other. */
function drawn(text: string): string[] {
  return text.split("\r\x1b[2K").slice(1).map((piece) => piece.split(/[\r\n]/)[0]).filter((piece) => piece);
}

for (const columns of [80, 40, 20]) {
  terminalTest(
    `a bar stays on one line of ${columns} columns, log lines stand above it, none is left behind`,
    async () => {
      const note = "'training loss 0.123456, validation loss 0.234567, 1234 steps/s'";
      const { code, text } = await inTerminal(steps(`--progress --milliseconds 5 --note ${note}`), {
        columns,
      });
      assertEquals(code, 0);
      const bars = drawn(text).filter((line) => line.startsWith("Fold"));
      assert(bars.length > 10);
      for (const bar of bars) assert(bar.length < columns, `${bar.length}: ${bar}`);
      const screen = screenOf(text, columns).filter((line) => line !== "");
      assertEquals(screen.slice(0, 5), [0, 1, 2, 3, 4].map((fold) => `[warn] About fold ${fold}`));
      assertMatch(screen[5], columns > 20 ? /^Folds done █+ 5\/5 0\d:\d\d/ : /^Folds d… 5\/5 00:0\d$/);
      assertEquals(screen.slice(6), ["[result] r 0.75"]);
    },
  );
}

terminalTest("scripts with --progress leave one bar on a narrow screen", () =>
  inFolder(async (cwd) => {
    await writeQuickInputs(cwd);
    for (const { script, flags } of quickRuns.filter(({ script }) => /mlp_nt|xgboost|ia3/.test(script))) {
      const { code, text } = await inTerminal(denoRun(script, "-P", `${flags} --progress`), {
        cwd,
        columns: 40,
      });
      assertEquals(code, 0, plain(text));
      const bars = drawn(text).filter((line) => /[█░]/.test(line));
      assert(bars.length > 0, script);
      for (const bar of bars) assert(bar.length < 40, `${script}: ${bar}`);
      const left = screenOf(text, 40).filter((line) => /[█░]/.test(line));
      assertEquals(left.length, 1, `${script}:\n${left.join("\n")}`);
    }
  }));

terminalTest("colours are for terminals, and not for NO_COLOR", async () => {
  const yellow = "\x1b[33m[warn]\x1b[39m";
  assert((await inTerminal(`env -u NO_COLOR ${steps("")}`)).text.includes(yellow));
  const without = await inTerminal(`env NO_COLOR=1 ${steps("--progress")}`);
  assertEquals(without.text.includes("\x1b[33m"), false);
  assertEquals(without.text.includes("[warn] About fold 0"), true);
});

shellTest(
  "without a terminal there are no control codes: a plain line a fold, which names it from 0",
  async () => {
    const { code, out, error } = await shell(`env -u NO_COLOR ${steps("")}`);
    assertEquals([code, error], [0, ""]);
    const lines = out.trimEnd().split("\n");
    assertEquals(lines.slice(0, 2), ["[warn] About fold 0", "[info] Fold 0 (1 of 5 done): loss 0.25"]);
    assertEquals(lines.slice(-2), ["[info] Fold 4 (5 of 5 done): loss 0.25", "[result] r 0.75"]);
    const bar = await shell(steps("--progress"));
    assertEquals(bar.error.split("\n")[4], "Fold 4 (5 of 5 done): loss 0.25");
  },
);

shellTest("--json: standard output is the summary alone", async () => {
  const { code, out, error } = await shell(steps("--json --progress"));
  assertEquals([code, out], [0, '{"r":0.75}\n']);
  assertMatch(error, /^\[warn\] About fold 0$[^]*^\[result\] r 0\.75$/m);
});

const unread: [what: string, command: (run: string) => string][] = [
  ["standard input is closed", (run) => `${run} --progress <&-`],
  ["standard output is closed", (run) => `${run} --progress >&-`],
  ["standard error is closed", (run) => `${run} --progress 2>&-`],
  ["standard output is full", (run) => `${run} --progress >/dev/full`],
  ["standard error is full", (run) => `${run} --progress 2>/dev/full`],
  ["both are full", (run) => `${run} --progress >/dev/full 2>&1`],
  ["| head -1 reads the log", (run) => `{ ${run}; echo $? >code; } | head -1; exit $(cat code)`],
  ["| head -1 reads both", (run) => `{ ${run} --progress 2>&1; echo $? >code; } | head -1; exit $(cat code)`],
  [
    "the reader of the bar ends",
    (run) => `{ ${run} --progress 2>&1 >out; echo $? >code; } | head -c 5; exit $(cat code)`,
  ],
];
for (const [what, command] of unread) {
  const ignore = Deno.build.os !== "linux"; // only there is /dev/full
  Deno.test({
    name: `the work is done to its end where ${what}`,
    ignore,
    fn: () =>
      inFolder(async (cwd) => {
        assertEquals((await shell(command(steps("")), cwd)).code, 0);
        await writeQuickInputs(cwd);
        const { script, flags } = quickRuns.find(({ flags }) => flags.includes("ntv2"))!;
        assertEquals((await shell(command(denoRun(script, "-P", flags)), cwd)).code, 0);
        assert((await Deno.stat(join(cwd, "x.npy"))).isFile);
      }),
  });
}

shellTest(
  "what was asked for and cannot be printed is an error, a reader that has seen enough is not an error",
  async () => {
    const full = await shell(`${steps("--help")} >/dev/full`);
    assertEquals(full.code, 1);
    assertMatch(full.error, /^Cannot write to standard output: No space left on device.*\n$/);
    const head = await shell(`{ ${steps("--help")}; echo $? >&2; } | head -1`);
    assertEquals([head.out, head.error], ["Steps.\n", "0\n"]);
  },
);

shellTest("an error that nobody awaits is told in one line", async () => {
  const { code, error } = await shell(steps("--fail"));
  assertEquals([code, error], [1, "Failed: x is undefined (run again with --debug to see where)\n"]);
});
