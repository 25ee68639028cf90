/** Which rows are controls, or what takes their place. */
import { DataError, UsageError } from "../cli/errors.ts";
import { shortId, someIds } from "../dataset/ids.ts";
import type { AnnotationTable } from "../io/h5ad_frame.ts";
import { isControlWord, isOriginalControl, isSuspectedControl } from "./labels.ts";
import { findColumn } from "./screen.ts";

export interface Controls {
  readonly kind: "label" | "all-mean" | "none";
  /** Labels, or parts of combined labels, that are controls. */
  isControl(part: string): boolean;
  /** Rows that are controls whatever their label; null: labels alone say it. */
  readonly rows: ArrayLike<number> | null;
  readonly reason: string;
}

export interface ControlRequest {
  readonly kind: "label" | "all-mean" | "none" | null;
  readonly labels: readonly string[] | null;
  /** As the original: its words anywhere in a label, the mean of all rows where none matches. */
  readonly compat: boolean;
}

/**
 * @param counts rows of each label
 * @throws {UsageError} for labels with --control all-mean or none
 * @throws {DataError} when no label is a control and nothing was chosen, naming the labels that are there
 */
export function chooseControls(
  { kind, labels, compat }: ControlRequest,
  counts: ReadonlyMap<string, number>,
  obs: AnnotationTable,
  path: string,
): Controls {
  const nobody = { isControl: isControlWord, rows: null };
  if (labels !== null && kind !== null && kind !== "label") {
    throw new UsageError(
      `Cannot use --control-label with --control ${kind}: controls are named, or not used`,
    );
  }
  if (kind === "none") return { ...nobody, kind, reason: "asked for: values stay as they are" };
  if (kind === "all-mean") return { ...nobody, kind, reason: "asked for: the mean of all rows" };
  const parts = new Set(
    [...counts.keys()].flatMap((label) => [label, ...label.split(/[+|;]/)]).map((part) => part.trim()),
  );
  if (labels !== null) {
    const wanted = new Set(labels.map((label) => label.trim().toLowerCase()));
    const absent = labels.filter((label) =>
      ![...parts].some((part) => part.toLowerCase() === label.trim().toLowerCase())
    );
    if (absent.length > 0) {
      throw new DataError(
        `Cannot use "${path}": no row has the control label "${shortId(absent[0])}" (labels: ${
          mostFrequent(counts)
        })`,
      );
    }
    const isControl = (part: string) => wanted.has(part.trim().toLowerCase());
    return {
      kind: "label",
      isControl,
      rows: null,
      reason: `named: ${labels.map((label) => `"${label}"`).join(", ")}`,
    };
  }
  const isWord = compat ? isOriginalControl : isControlWord;
  const found = [...counts.keys()].filter(isWord);
  if (found.length > 0) {
    return { kind: "label", isControl: isWord, rows: null, reason: `by their labels (${someIds(found)})` };
  }
  const column = findColumn(obs, ["is_control"]), marks = column && obs.columns.get(column);
  if (marks && marks.kind !== "text" && Array.from(marks.values).some((mark) => mark === 1)) {
    return { kind: "label", isControl: isWord, rows: marks.values, reason: `by the column "${column}"` };
  }
  if (compat) {
    const reason =
      "no label holds control, ntc or non-target: the mean of all rows, as the original did without saying so";
    return { ...nobody, kind: "all-mean", reason };
  }
  const suspected = [...counts.keys()].filter(isSuspectedControl);
  throw new DataError(
    `Cannot find the controls of "${path}": none of its labels is a known word for them (labels: ${
      mostFrequent(counts)
    }). ` +
      (suspected.length > 0
        ? `"${shortId(suspected[0])}" may be: --control-label "${shortId(suspected[0])}"; or `
        : "Name them with --control-label, or ") +
      `choose --control all-mean or --control none`,
  );
}

/** The labels with most rows, and how many. */
export function mostFrequent(counts: ReadonlyMap<string, number>, most = 8): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const suspected = sorted.filter(([label]) => isSuspectedControl(label)).slice(0, 3);
  const shown = [...new Map([...suspected, ...sorted.slice(0, most)])];
  return shown.map(([label, rows]) => `"${shortId(label)}" ${rows}`).join(", ") +
    (sorted.length > shown.length ? ", ..." : "");
}
