/** What a label such as "TP53", "TP53+ctrl", "non-targeting_0012" or "AATF_GCGCGGTTACCGTAAGC" stands for. */

export type Meaning =
  | { readonly kind: "control" }
  | { readonly kind: "perturbation"; readonly name: string; readonly isCombination: boolean };

/** Words for controls: those that the original looks for, and what other data sets write. */
const controlWords = [
  /control|non[ _-]?target|(^|[^a-z])ntc([^a-z]|$)|scramble/i,
  /^(neg|negative|safe)[ _-]?(ctrl|target(ing)?|harbor|cutting)?[ _-]?\d*$/i,
  /^(neg|negative)?[ _-]?ctrls?[ _-]?\d*$/i,
  /^nt[ _-]?\d*$/i,
];

/** What may be controls too, but is not taken for them without being named. */
const suspects =
  /off[ _-]?target|unperturb|wild[ _-]?type|^wt$|mock|vehicle|luciferase|lacz|^(e|m)?gfp|aavs1|empty|^none$|^-$/i;

/** The original's words, which it looked for anywhere in a label. */
const originalWords = /control|ntc|non-target/i;

export function isControlWord(label: string): boolean {
  return controlWords.some((word) => word.test(label.trim()));
}

export function isSuspectedControl(label: string): boolean {
  return suspects.test(label);
}

export function isOriginalControl(label: string): boolean {
  return originalWords.test(label);
}

/** @param isControl of a part of the label */
export function meaningOf(label: string, isControl: (part: string) => boolean): Meaning {
  if (isControl(label)) return { kind: "control" };
  const parts = label.split(/[+|;]/).map((part) => part.trim()).filter((part) => part !== "");
  if (parts.length < 2) return { kind: "perturbation", name: label.trim(), isCombination: false };
  const perturbed = [...new Set(parts.filter((part) => !isControl(part)))];
  if (perturbed.length === 0) return { kind: "control" };
  return { kind: "perturbation", name: perturbed.join("+"), isCombination: perturbed.length > 1 };
}

/**
 * Labels that join genes by "_", such as "AHR_KLF1" or "AHR_ctrl", with "+" in its place: those that are no gene, but whose
 * parts all are genes or controls.
 */
export function joinedGenes(
  labels: readonly string[],
  isGene: (label: string) => boolean,
  isControl: (label: string) => boolean,
): Map<string, string> {
  const joined = new Map<string, string>();
  for (const label of labels) {
    const parts = label.split("_");
    const areGenes = parts.length > 1 && parts.every((part) => isGene(part) || isControl(part)) &&
      parts.some(isGene);
    if (areGenes && !isGene(label) && !isControl(label)) joined.set(label, parts.join("+"));
  }
  return joined;
}

/**
 * Labels of guides cut to their genes, where most labels are no genes but begin with one: "AATF_GCGCGG" and "TP53-2" are
 * AATF and TP53. Other labels stay as they are.
 *
 * @returns the gene of each guide that was cut; null where labels are no guides
 */
export function genesOfGuides(
  labels: readonly string[],
  isGene: (label: string) => boolean,
  isControl: (label: string) => boolean,
): Map<string, string> | null {
  const others = labels.filter((label) => !isControl(label) && !/[+|;]/.test(label));
  const unknown = others.filter((label) => !isGene(label));
  if (others.length === 0 || 2 * unknown.length < others.length) return null;
  const cut = new Map<string, string>();
  for (const label of unknown) {
    const gene = headOf(label, isGene);
    if (gene !== null) cut.set(label, gene);
  }
  return 2 * cut.size >= unknown.length ? cut : null;
}

/** The longest beginning, up to a "_", "-" or ".", that is a gene, or what stands before a protospacer. */
function headOf(label: string, isGene: (label: string) => boolean): string | null {
  const places = [...label.matchAll(/[_.-]/g)].map(({ index }) => index).reverse();
  const head = places.map((at) => label.slice(0, at)).find(isGene);
  return head ?? /^(.+?)_[ACGT]{15,}$/.exec(label)?.[1] ?? null;
}
