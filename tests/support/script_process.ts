/** A script as a process of its own, with the permissions that users give it. */
import { repository } from "./terminal.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

export interface ScriptOptions {
  /** Set of permissions. */
  readonly set?: "-P" | "-P=blas" | "-P=hub";
  /** What standard input holds. */
  readonly input?: Uint8Array;
  readonly env?: Record<string, string>;
}

/** `deno run -P scripts/<script> <args>`, from the repository's root. */
export function scriptCommand(
  script: string,
  args: readonly string[],
  options: ScriptOptions = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", options.set ?? "-P", `scripts/${script}`, ...args],
    cwd: repository,
    env: { NO_COLOR: "1", ...options.env },
    stdin: options.input ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  });
}

export async function runScript(
  script: string,
  args: readonly string[],
  options: ScriptOptions = {},
): Promise<Ended> {
  const process = scriptCommand(script, args, options).spawn();
  const over = process.output();
  if (options.input) {
    const writer = process.stdin.getWriter();
    await writer.write(options.input);
    await writer.close();
  }
  const { code, stdout, stderr } = await over, decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), error: decoder.decode(stderr) };
}
