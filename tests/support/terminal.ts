/** Commands in a pseudo-terminal of their own, as people run them: `script` of util-linux gives one. */
import { fromFileUrl } from "@std/path";

export const repository = fromFileUrl(new URL("../../", import.meta.url));

/** How a command is run in a terminal. */
export interface TerminalOptions {
  readonly columns?: number;
  readonly cwd?: string;
  /** Keys that are pressed, each once, when the text before them has appeared. */
  readonly answers?: readonly { readonly after: RegExp; readonly keys: string }[];
  readonly timeoutMs?: number;
}

export interface Shown {
  readonly code: number;
  /** All that the command wrote to the terminal, control codes included. */
  readonly text: string;
  /** Questions of Deno's that were shown, by kind of permission. */
  readonly questions: string[];
}

/** A test that needs a pseudo-terminal; left out, with a message, where there is none. */
export function terminalTest(name: string, body: () => Promise<void>): void {
  const ignore = !hasScript();
  Deno.test({ name: `${name}${ignore ? " [left out: needs script of util-linux]" : ""}`, ignore, fn: body });
}

/** Run a shell command in a terminal until it ends. A question without an answer ends it at once. */
export async function inTerminal(command: string, options: TerminalOptions = {}): Promise<Shown> {
  const { columns = 80, answers = [], timeoutMs = 60_000, cwd = repository } = options;
  const process = new Deno.Command("script", {
    args: ["-qec", `stty rows 24 cols ${columns}; exec ${command}`, "/dev/null"],
    env: { TERM: "xterm-256color", SHELL: "/bin/sh" },
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const keyboard = process.stdin.getWriter(), decoder = new TextDecoder();
  const timer = setTimeout(() => process.kill("SIGKILL"), timeoutMs);
  const waiting = [...answers];
  let text = "", answered = 0;
  for await (const bytes of process.stdout) {
    text += decoder.decode(bytes, { stream: true });
    const shown = text.slice(answered), asks = /Allow\?[^\n]*> $/.test(plain(shown));
    const next = waiting.findIndex(({ after }) => after.test(shown));
    if (next >= 0) {
      answered = text.length;
      // Deno throws away what was typed before it reads the answer.
      if (asks) await new Promise((resolve) => setTimeout(resolve, 300));
      await keyboard.write(new TextEncoder().encode(waiting.splice(next, 1)[0].keys));
    } else if (asks) {
      process.kill("SIGKILL");
    }
  }
  const { code } = await process.status;
  clearTimeout(timer);
  await keyboard.close().catch(() => {});
  return {
    code,
    text,
    questions: [...plain(text).matchAll(/Deno requests (\w+) access/g)].map(([, kind]) => kind),
  };
}

/** Text without colours and other control codes. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
}

/** `deno run` of a script of this repository, as a shell takes it. */
export function denoRun(script: string, permissions = "-P", flags = ""): string {
  // What --onnx fetches stays out of the scripts' lock file.
  const lock = flags.includes("--onnx") ? `'--lock=${repository}tests/deno.lock'` : "";
  return `'${Deno.execPath()}' run -q ${lock} ${permissions} '${repository}scripts/${script}' ${flags}`;
}

function hasScript(): boolean {
  try {
    const { stdout } = new Deno.Command("script", { args: ["--version"], stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout).includes("util-linux");
  } catch {
    return false;
  }
}
