import { assert, assertEquals } from "@std/assert";
import { EarlyStopping, ReduceLROnPlateau, torchLinearBound, xavierUniformBound } from "../../lib/nn/mod.ts";
import { golden } from "../support/golden.ts";

const unit = golden("classical/unit")!;
const number = (value: number | string | null) => value === null ? NaN : Number(value);

interface Schedule {
  name: string;
  start_lr: number;
  patience: number;
  factor: number;
  threshold: number;
  eps: number;
  metrics: (number | string | null)[];
  lr_after_step: number[];
}

const schedules: Schedule[] = JSON.parse(Deno.readTextFileSync(`${unit}/reduce_lr_on_plateau.json`));
for (const { name, start_lr, patience, factor, threshold, eps, metrics, lr_after_step } of schedules) {
  Deno.test(`ReduceLROnPlateau gives PyTorch's learning rates: ${name} from ${start_lr}`, () => {
    const schedule = new ReduceLROnPlateau(start_lr, { patience, factor, threshold, epsilon: eps });
    metrics.forEach((metric, i) => {
      const learningRate = schedule.step(number(metric));
      assert(
        Math.abs(learningRate - lr_after_step[i]) <= 1e-12 * lr_after_step[i],
        `step ${i}: ${learningRate}`,
      );
    });
  });
}

Deno.test("ReduceLROnPlateau takes a fall by less than the threshold for none", () => {
  const schedule = new ReduceLROnPlateau(1, { patience: 3, factor: 0.5, threshold: 1e-4 });
  const rates = [0, 1, 2, 3, 4, 5].map((check) => schedule.step(1 - check * 1e-5));
  assertEquals(rates, [1, 1, 1, 1, 0.5, 0.5]);
});

Deno.test("EarlyStopping counts checks in a row that are no new lowest", () => {
  const stopping = new EarlyStopping(3);
  const told = [5, 4, 4, 4.5, 3, 3, 9, 3].map((loss) => stopping.step(loss));
  assertEquals(told.map(({ improved }) => improved), [true, true, false, false, true, false, false, false]);
  assertEquals(told.map(({ stop }) => stop), [false, false, false, false, false, false, false, true]);
});

Deno.test("EarlyStopping of patience 0 stops at the first check without a new lowest", () => {
  const stopping = new EarlyStopping(0);
  assertEquals([5, 4, 4].map((loss) => stopping.step(loss).stop), [false, false, true]);
});

interface Bounds {
  xavier_uniform: { fan_in: number; fan_out: number; bound: number }[];
  default_linear: { fan_in: number; weight_bound: number; bias_bound: number }[];
}

Deno.test("starting weights spread as far as PyTorch's", () => {
  const bounds: Bounds = JSON.parse(Deno.readTextFileSync(`${unit}/torch_init.json`));
  for (const { fan_in, fan_out, bound } of bounds.xavier_uniform) {
    assert(Math.abs(xavierUniformBound(fan_in, fan_out) - bound) <= 1e-15);
  }
  for (const { fan_in, weight_bound, bias_bound } of bounds.default_linear) {
    assert(Math.abs(torchLinearBound(fan_in) - weight_bound) <= 1e-15);
    assert(Math.abs(torchLinearBound(fan_in) - bias_bound) <= 1e-15);
  }
});
