import type { GeneRange } from "../experiment/part.ts";

/** Collects the genes of each block as they come, in any order, and saves a block when it is complete. */
export class BlockCollector<Fitted> {
  readonly #open: { block: GeneRange; left: number; fitted: Map<number, Fitted> }[];
  readonly #save: (block: GeneRange, fitted: ReadonlyMap<number, Fitted>) => Promise<void>;
  /** Writes in the order of completion, one after the other. */
  #writes: Promise<void> = Promise.resolve();

  /** @param own the genes that will come; all without it */
  constructor(
    blocks: readonly GeneRange[],
    own: ReadonlySet<number> | null,
    save: (block: GeneRange, fitted: ReadonlyMap<number, Fitted>) => Promise<void>,
  ) {
    this.#save = save;
    this.#open = blocks.map((block) => {
      let left = 0;
      for (let gene = block.from; gene < block.to; gene++) if (own === null || own.has(gene)) left++;
      return { block, left, fitted: new Map() };
    });
    for (const open of this.#open) if (open.left === 0) this.#write(open);
  }

  add(gene: number, fitted: Fitted): void {
    const open = this.#open.find(({ block }) => gene >= block.from && gene < block.to)!;
    open.fitted.set(gene, fitted);
    if (--open.left === 0) this.#write(open);
  }

  /** @throws what a write failed with */
  async finish(): Promise<void> {
    await this.#writes;
  }

  #write({ block, fitted }: { block: GeneRange; fitted: Map<number, Fitted> }): void {
    this.#writes = this.#writes.then(() => this.#save(block, fitted)).finally(() => fitted.clear());
    this.#writes.catch(() => {});
  }
}
