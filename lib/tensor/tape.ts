/**
 * Reverse-mode gradients. Every operation `record`s how its inputs' gradients follow from its output's; `backward` walks
 * the records from the last to the first and frees what each had kept. Nothing is recorded, kept or computed for inputs
 * that do not want a gradient.
 */
import { adopt, full, keep, scope, type TapeNode, Tensor } from "./tensor.ts";

/** What an operation leaves on the tape. */
export interface Differential {
  /** Tensors that `backward` reads; they outlive their scopes until then. */
  readonly saves?: readonly (Tensor | false)[];
  /**
   * Gradients of the inputs from that of the output, null where not needed. Runs unrecorded, in a scope of its own. To
   * pass the gradient on as it is, return a `view()` of it.
   */
  readonly backward?: (gradient: Tensor) => readonly (Tensor | null)[];
  /** Instead, for a loss: gradients of `scale` times the loss. */
  readonly lossBackward?: (scale: number) => readonly (Tensor | null)[];
}

let recording = true;
/** Whether something that wants a gradient was used while recording was off (for `checkpoint`). */
let missedGradient = false;
let nodes = 0;

/** Whether operations are recorded at present; fused forms without a gradient may be used where not. */
export function isRecording(...inputs: (Tensor | null | undefined)[]): boolean {
  return recording && inputs.some((input) => input?.tracked);
}

/**
 * Attach to `output` how the gradients of `inputs` follow from its own. Does nothing where none of them wants one;
 * else calls `describe` with which of them do.
 */
export function record(
  output: Tensor,
  inputs: readonly (Tensor | null)[],
  describe: (needs: readonly boolean[]) => Differential,
): Tensor {
  const needs = inputs.map((input) => input?.tracked ?? false);
  if (!needs.includes(true)) return output;
  if (recording) attach(output, inputs, describe(needs));
  else missedGradient = true;
  return output;
}

function attach(output: Tensor, inputs: readonly (Tensor | null)[], differential: Differential) {
  let holders = 1;
  const releases = (differential.saves ?? []).flatMap((tensor) => tensor ? [tensor.retain()] : []);
  const node: TapeNode = {
    order: ++nodes,
    inputs: inputs.map((input) => input?.node ?? (input?.requiresGrad ? input : null)),
    differentiate: differential.backward ?? null,
    differentiateLoss: differential.lossBackward ?? null,
    release() {
      node.differentiate = node.differentiateLoss = null;
      for (const release of releases.splice(0)) release();
    },
    hold: () => void holders++,
    drop() {
      if (--holders > 0) return;
      node.release();
      for (const input of node.inputs) if (isNode(input)) input.drop();
    },
  };
  for (const input of node.inputs) if (isNode(input)) input.hold();
  output.node = node;
}

/** Run `f` without recording: for evaluation and for updates of parameters. */
export function noGrad<T>(f: () => T): T {
  return withRecording("off", f);
}

function withRecording<T>(state: "on" | "off", f: () => T): T {
  const before = recording;
  recording = state === "on";
  try {
    return f();
  } finally {
    recording = before;
  }
}

/**
 * Add to the `grad` of every leaf that `root` was computed from the gradient of `seed` times `root`'s sum (a number), or
 * of the sum of `seed` x `root` (a tensor of root's shape). The tape behind `root` is used up.
 */
export function backward(root: Tensor, seed: number | Tensor = 1): void {
  if (root.node === null) {
    throw new Error("backward() needs a tensor that was computed from one with requiresGrad");
  }
  const waiting = collect(root.node);
  const gradients = new Map<TapeNode, Tensor>();
  withRecording("off", () => {
    for (const node of waiting) {
      scope(() => {
        let results: readonly (Tensor | null)[];
        if (node.differentiateLoss) {
          if (node !== root.node || typeof seed !== "number") {
            throw new Error("A loss is the root of backward(), its seed a number");
          }
          results = node.differentiateLoss(seed);
        } else {
          const gradient = gradients.get(node) ??
            (typeof seed === "number" ? full(root.backend, root.shape, seed) : seed.view());
          gradients.delete(node);
          if (!node.differentiate) throw new Error("This tape was used before: run the forward pass again");
          results = node.differentiate(gradient);
          gradient.dispose();
        }
        node.release();
        results.forEach((result, i) => result && deliver(node.inputs[i], result, gradients));
      });
    }
  });
}

/** All nodes that `root` came from, the latest first. */
function collect(root: TapeNode): TapeNode[] {
  const seen = new Set([root]);
  for (const node of seen) {
    for (const input of node.inputs) if (isNode(input)) seen.add(input);
  }
  return [...seen].sort((a, b) => b.order - a.order);
}

function isNode(input: TapeNode | Tensor | null): input is TapeNode {
  return input !== null && !(input instanceof Tensor);
}

function deliver(to: TapeNode | Tensor | null, gradient: Tensor, gradients: Map<TapeNode, Tensor>) {
  if (to instanceof Tensor) to.grad = accumulate(to.grad, gradient);
  else if (to) gradients.set(to, accumulate(gradients.get(to) ?? null, gradient));
}

function accumulate(sum: Tensor | null, gradient: Tensor): Tensor {
  if (!sum) return keep(gradient);
  const out = sum.unshared ? sum : keep(Tensor.empty(sum.backend, sum.shape, sum.dtype));
  sum.backend.linearCombination(out.storage, 1, sum.storage, 1, gradient.storage, sum.size);
  if (out !== sum) sum.dispose();
  return out;
}

/**
 * `f(...inputs)` without keeping what its gradient needs: `backward` runs `f` again. Memory for arithmetic.
 *
 * @param f gives the same numbers each time it is called (fix the streams of its dropout outside)
 */
export function checkpoint(f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  const missedBefore = missedGradient;
  missedGradient = false;
  const output = noGrad(() => scope(() => f(...inputs)));
  const wanted = missedGradient;
  missedGradient ||= missedBefore;
  if (!recording || !wanted) return output;

  attach(output, inputs, {
    saves: inputs,
    backward: (gradient) => {
      const leaves = inputs.map((input) => {
        const leaf = input.view();
        leaf.requiresGrad = input.tracked;
        return leaf;
      });
      backward(withRecording("on", () => f(...leaves)), gradient);
      return leaves.map((leaf) => leaf.grad && adopt(leaf.grad));
    },
  });
  return output;
}
