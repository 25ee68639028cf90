/** Both strands of DNA. */

export const strandChoices = ["given", "mean", "concat"] as const;

/** The strand that is given alone; the mean of its vector and that of the reverse complement; or one behind the other. */
export type Strands = typeof strandChoices[number];
