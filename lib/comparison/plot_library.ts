/**
 * Observable Plot with a document to draw in. Both libraries are the published builds of `vendor/`: the page holds the same
 * text, so that figures in files and in the page are of one make.
 */
import "./vendor/d3.min.js";
import "./vendor/plot.umd.min.js";
import { DOMParser } from "npm:linkedom@0.18.12";

/** An element of a drawing: what is asked of it here. */
export interface DrawnElement {
  readonly outerHTML: string;
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  querySelectorAll(selector: string): Iterable<{ remove(): void }>;
}

// deno-lint-ignore no-explicit-any
export const Plot = (globalThis as any).Plot;

/** An XML document without a page. */
export function newDocument(): unknown {
  return new DOMParser().parseFromString("<svg/>", "image/svg+xml");
}
