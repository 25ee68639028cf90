/** The parts of d3 that we use; the packages carry no declarations. Listed in deno.json "compilerOptions.types". */

declare module "d3-scale" {
  export interface ContinuousScale {
    (value: number): number;
    domain(): number[];
    /** Widened to round numbers, `count` ticks apart. */
    nice(count?: number): ContinuousScale;
    ticks(count?: number): number[];
    tickFormat(count?: number, specifier?: string): (value: number) => string;
  }
  export function scaleLinear(domain: readonly number[], range: readonly number[]): ContinuousScale;
  export function scaleLog(domain: readonly number[], range: readonly number[]): ContinuousScale;
}

declare module "d3-scale-chromatic" {
  /** A colour "#rrggbb" for a fraction from 0 to 1. */
  export function interpolateViridis(fraction: number): string;
}
