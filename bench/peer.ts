/** The Python that benches compare with: found by --python or PEERS_PYTHON, asked for its versions before anything is timed. */
import { DataError, UsageError } from "../lib/cli/errors.ts";
import { parseFlags } from "../lib/cli/flags.ts";
import { HelpRequest } from "../lib/cli/help.ts";

/** The flags of every bench that has a peer in Python. */
export const peerFlags = {
  "peer": { default: true, help: "run the Python peer too" },
  "python": {
    default: null,
    type: "text",
    value: "FILE",
    shownDefault: "PEERS_PYTHON, else python3",
    help: "Python with the peer's packages (bench/peers.sh makes one)",
  },
} as const;

export interface Peer {
  readonly python: string;
  /** "Python 3.11.7, numpy 2.4.6, torch 2.13.0+cpu". */
  readonly versions: string;
  /** Run a script beside this file. @returns what it printed @throws {UsageError} with its last line, where it fails */
  run(script: string, args: readonly string[], env?: Record<string, string>): Promise<string>;
}

const advice = "run bash bench/peers.sh and set PEERS_PYTHON to what it prints";

/**
 * The interpreter to compare with; prints its versions.
 *
 * @param modules that the peer imports
 * @param python of --python
 * @throws {UsageError} where there is none, or it lacks a module
 */
export async function findPeer(modules: readonly string[], python?: string | null): Promise<Peer> {
  const chosen = python ?? Deno.env.get("PEERS_PYTHON") ?? "python3";
  const found = await versionsIn(chosen, modules);
  const missing = modules.filter((name) => found.modules[name] === null);
  if (missing.length > 0) {
    throw new UsageError(
      `Cannot run the peer "${chosen}": its Python ${found.python} lacks ${missing.join(", ")}; ${advice}`,
    );
  }
  const versions = [
    `Python ${found.python}`,
    ...modules.map((name) => `${name} ${found.modules[name]}`),
    ...found.libraries,
  ].join(", ");
  console.log(`peer: ${versions}`);
  return {
    python: chosen,
    versions,
    async run(script, args, env = {}) {
      const path = new URL(script, import.meta.url).pathname;
      const { success, stdout, stderr } = await command(chosen, [path, ...args], env);
      if (success) return new TextDecoder().decode(stdout);
      const reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
      throw new UsageError(`Cannot run the peer "${script}" with "${chosen}": ${reason}; ${advice}`);
    },
  };
}

/** As `findPeer`; a bench without its peer ends with one sentence, exit status 2. Null where --no-peer is given. */
export async function peerOrExit(
  modules: readonly string[],
  { peer, python }: { peer: boolean; python: string | null },
): Promise<Peer | null> {
  try {
    return peer ? await findPeer(modules, python) : null;
  } catch (error) {
    const isUsage = error instanceof UsageError;
    exitWith(isUsage ? new UsageError(`${error.message}, or leave the peer out with --no-peer`) : error);
  }
}

/** End with the sentence of a UsageError or DataError, as scripts do. */
export function exitWith(error: unknown): never {
  if (!(error instanceof UsageError || error instanceof DataError)) throw error;
  console.error(error.message);
  Deno.exit(error instanceof UsageError ? 2 : 1);
}

/** For the import of onnxruntime-web: end with one sentence where its package cannot be had. */
export function noOnnxRuntime(error: unknown): never {
  const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
  exitWith(new UsageError(`Cannot run the peer onnxruntime-web: ${reason}; leave it out with --no-peer`));
}

/**
 * This process's environment without OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE, which some machines set for old builds of
 * OpenBLAS and which slow those that packages bring: a peer shall run at its best.
 */
export function peerEnvironment(): Record<string, string> {
  const { OPENBLAS_CORETYPE: _type, OPENBLAS_L2_SIZE: _size, ...others } = Deno.env.toObject();
  return others;
}

/** A program that is not there rejects too. */
async function command(python: string, args: readonly string[], env: Record<string, string> = {}) {
  const all = { ...peerEnvironment(), ...env };
  return await new Deno.Command(python, { args: [...args], clearEnv: true, env: all }).output();
}

interface Found {
  readonly python: string;
  readonly modules: Record<string, string | null>;
  /** BLAS libraries of NumPy, with the kernels that they take here. */
  readonly libraries: string[];
}

async function versionsIn(python: string, modules: readonly string[]): Promise<Found> {
  const code = `
import importlib.metadata, importlib.util, json, platform, sys
packages = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}
found = {}
for name in sys.argv[1:]:
    found[name] = None
    if importlib.util.find_spec(name) is not None:
        for package in (name, packages.get(name, name)):
            try:
                found[name] = importlib.metadata.version(package)
                break
            except importlib.metadata.PackageNotFoundError:
                found[name] = "of unknown version"
libraries = []
if "numpy" in sys.argv and importlib.util.find_spec("threadpoolctl"):
    import numpy, threadpoolctl
    for pool in threadpoolctl.threadpool_info():
        if pool["user_api"] == "blas":
            libraries.append(f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', '')})")
print(json.dumps({"python": platform.python_version(), "modules": found, "libraries": libraries}))`;
  const output = await command(python, ["-c", code, ...modules]).catch(() => {
    throw new UsageError(`Cannot run the peer "${python}": there is no such program; ${advice}`);
  });
  if (!output.success) {
    throw new UsageError(`Cannot run the peer "${python}": it is no Python 3.8 or newer; ${advice}`);
  }
  return JSON.parse(new TextDecoder().decode(output.stdout));
}

/** The flags of a bench; one that is wrong, and --help, end it as they end a script. */
export const benchFlags: typeof parseFlags = (...declared) => {
  try {
    return parseFlags(...declared);
  } catch (error) {
    if (!(error instanceof HelpRequest)) exitWith(error);
    console.log(error.message);
    Deno.exit(0);
  }
};
