/** The Python that benches compare with: found by --python or PEERS_PYTHON, asked for its versions before anything is timed. */
import { UsageError } from "../lib/cli/errors.ts";

/** The flag of every bench that has a peer in Python. */
export const peerFlag = {
  "python": {
    default: null,
    type: "text" as const,
    value: "FILE",
    shownDefault: "PEERS_PYTHON, else python3",
    help: "Python with the peers (bench/peers.sh makes one)",
  },
};

export interface PeerNeeds {
  /** Modules that the peer imports. */
  readonly modules: readonly string[];
  /** Of --python. */
  readonly python?: string | null;
}

/**
 * The interpreter to run peers with.
 *
 * @throws {UsageError} where there is none, or it lacks a module
 */
export async function peerPython(needs: PeerNeeds): Promise<string> {
  return (await findPeer(needs)).python;
}

/**
 * The interpreter, and the versions that it has: "Python 3.11.7, numpy 2.4.6, torch 2.13.0+cpu".
 *
 * @throws {UsageError} where there is none, or it lacks a module
 */
export async function findPeer({ modules, python: named = null }: PeerNeeds) {
  const python = named ?? Deno.env.get("PEERS_PYTHON") ?? "python3";
  const advice =
    "run bash bench/peers.sh and set PEERS_PYTHON to what it prints, or leave the peer out with --no-peer";
  const code = `
import importlib.metadata, importlib.util, json, platform, sys
names = {"sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}
found = {"python": platform.python_version(), "modules": {}}
for name in sys.argv[1:]:
    if importlib.util.find_spec(name) is None:
        found["modules"][name] = None
        continue
    for package in (name, names.get(name, name)):
        try:
            found["modules"][name] = importlib.metadata.version(package)
            break
        except importlib.metadata.PackageNotFoundError:
            found["modules"][name] = "of unknown version"
print(json.dumps(found))`;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(python, { args: ["-c", code, ...modules] }).output();
  } catch {
    throw new UsageError(`Cannot run the peer "${python}": there is no such program; ${advice}`);
  }
  if (!output.success) {
    throw new UsageError(`Cannot run the peer "${python}": it is no Python 3.8 or newer; ${advice}`);
  }
  const found: { python: string; modules: Record<string, string | null> } = JSON.parse(
    new TextDecoder().decode(output.stdout),
  );
  const missing = modules.filter((name) => found.modules[name] === null);
  if (missing.length > 0) {
    throw new UsageError(
      `Cannot run the peer "${python}": its Python ${found.python} lacks ${missing.join(", ")}; ${advice}`,
    );
  }
  const versions = modules.map((name) => `${name} ${found.modules[name]}`);
  return { python, versions: [`Python ${found.python}`, ...versions].join(", ") };
}
