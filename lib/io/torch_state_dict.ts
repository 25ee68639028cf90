/** Where in a checkpoint the model's tensors are: training programs save them beside optimisers, averages and settings. */
import { PickledTensor, UnreadTensor } from "./torch_pickle.ts";

type Dictionary = ReadonlyMap<unknown, unknown>;

export interface FoundStateDict {
  readonly state: Dictionary;
  /** Its keys from the root on, for messages: `"model"`. */
  readonly place: string;
  /** Places of other dictionaries with tensors of the same names, such as a moving average of the model. */
  readonly copies: readonly string[];
}

/** Keys under which programs save a model's tensors beside other things, likeliest first. */
const stateKeys = [
  "state_dict",
  "model_state_dict",
  "model",
  "module",
  "net",
  "network",
  "model_state",
  "weights",
];

const maxDepth = 3;

/** The dictionary that holds the model's tensors: one of the keys above, else the whole, else the only one with tensors. */
export function findStateDict(root: Dictionary): FoundStateDict | null {
  const found = search(root, []);
  if (found === null) return null;
  const names = new Set(
    [...found.state].filter(([, value]) => isTensor(value)).map(([name]) => String(name)),
  );
  const copies = tensorDictionaries(root, [])
    .filter(({ state }) =>
      state !== found.state && [...state.keys()].some((name) => isNamed(String(name), names))
    );
  return { state: found.state, place: shown(found.path), copies: copies.map(({ path }) => shown(path)) };
}

interface Place {
  readonly state: Dictionary;
  readonly path: readonly unknown[];
}

function search(root: Dictionary, path: readonly unknown[]): Place | null {
  const within = (key: unknown) => {
    const value = root.get(key);
    return value instanceof Map && path.length < maxDepth ? search(value, [...path, key]) : null;
  };
  for (const key of stateKeys) {
    const place = within(key);
    if (place !== null) return place;
  }
  if ([...root.values()].some(isTensor)) return { state: root, path };
  const others = [...root.keys()].flatMap((key) => within(key) ?? []);
  return others.length === 1 ? others[0] : null;
}

/** Every dictionary that holds tensors itself. */
function tensorDictionaries(root: Dictionary, path: readonly unknown[]): Place[] {
  const own = [...root.values()].some(isTensor) ? [{ state: root, path }] : [];
  if (path.length === maxDepth) return own;
  return own.concat(
    ...[...root].map(([key, value]) => value instanceof Map ? tensorDictionaries(value, [...path, key]) : []),
  );
}

/** Whether a name, or what follows one of its dots, is one of these: "module.a.weight" is "a.weight". */
function isNamed(name: string, names: ReadonlySet<string>): boolean {
  if (names.has(name)) return true;
  const dot = name.indexOf(".");
  return dot >= 0 && isNamed(name.slice(dot + 1), names);
}

function isTensor(value: unknown): boolean {
  return value instanceof PickledTensor || value instanceof UnreadTensor;
}

function shown(path: readonly unknown[]): string {
  return path.map((key) => JSON.stringify(String(key).slice(0, 40))).join(".") || "no key";
}
