/**
 * Writes what both sides must agree on: `kernels.ts` (the number of each kernel) and `float32/dispatch.ts` (which function
 * a number runs). A kernel is an exported function of float32/ whose first parameter is `job: <Name>Job`; nothing else
 * registers it.
 */

interface KernelSource {
  /** Name of the function, such as "gatherPairs"; its number is called `GatherPairs`. */
  readonly name: string;
  readonly jobClass: string;
  /** Parameters, the job's among them: 1, 2 (chunk) or 3 (scratch). */
  readonly parameters: number;
  readonly file: string;
}

const folder = new URL("float32/", import.meta.url);
const note = "// Written by kernels/cpu/build.ts from the exported functions of float32/ that take a job.\n";

/** The text of both files, by their paths relative to this one. */
export function kernelTable(): Record<string, string> {
  const kernels = findKernels();
  return { "kernels.ts": numbers(kernels), "float32/dispatch.ts": dispatch(kernels) };
}

function findKernels(): KernelSource[] {
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
    name !== "dispatch.ts"
  );
  return files.toSorted().flatMap((file) => {
    const source = Deno.readTextFileSync(new URL(file, folder));
    return [...source.matchAll(/^export function (\w+)\(job: (\w+Job)((?:, \w+: \w+)*)\): void/gm)].map(
      ([, name, jobClass, rest]) => ({ name, jobClass, parameters: rest.split(",").length, file }),
    );
  });
}

function numbers(kernels: readonly KernelSource[]): string {
  const lines = kernels.map(({ name }) => `  ${numberOf(name)},\n`);
  return `${note}\n/** Number of each kernel, in both worlds. */\nexport enum Kernel {\n${lines.join("")}}\n`;
}

function dispatch(kernels: readonly KernelSource[]): string {
  const imports = Map.groupBy(kernels, ({ file }) => file).entries().map(([file, own]) => {
    const names = new Set(own.flatMap(({ name, jobClass }) => [name, jobClass]));
    return `import { ${[...names].join(", ")} } from "./${file.replace(/\.ts$/, "")}";\n`;
  });
  const cases = kernels.map(({ name, jobClass, parameters }) => {
    const args = [`changetype<${jobClass}>(job)`, "chunk", "scratch"].slice(0, parameters);
    return `  if (kernel == Kernel.${numberOf(name)}) return ${name}(${args.join(", ")});\n`;
  });
  return `${note}\nimport { Kernel } from "../kernels";\n${[...imports].join("")}
/** Run one chunk of a job. */
export function dispatch(kernel: i32, job: usize, chunk: i32, scratch: usize): void {
${cases.join("")}  unreachable();
}
`;
}

function numberOf(name: string): string {
  return name[0].toUpperCase() + name.slice(1);
}
