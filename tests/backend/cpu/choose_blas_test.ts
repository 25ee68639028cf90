import { assertEquals, assertRejects } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { openCpuBackend } from "../../../lib/backend/cpu/mod.ts";
import { candidates } from "../../../lib/backend/cpu/blas_places.ts";
import { DataError, UsageError } from "../../../lib/cli/errors.ts";
import { operationCases } from "../../support/operation_cases.ts";
import { checkCase } from "../../support/operation_check.ts";
import { inFolder } from "../../support/temporary_folder.ts";

const root = join(import.meta.dirname!, "../../..");
const installed = (candidates[Deno.build.os] ?? []).filter((library) => {
  try {
    return Deno.statSync(library).isFile;
  } catch {
    return false;
  }
});
const open = (blas: string) => openCpuBackend({ threads: 2, blas });

Deno.test("--blas says what is wrong with a file that it cannot use", async () => {
  await inFolder(async (folder) => {
    const missing = join(folder, "libmkl_rt.so.2"), text = join(folder, "text.so");
    Deno.writeTextFileSync(text, "no library\n");
    await assertRejects(
      () => open(missing),
      DataError,
      `Cannot use --blas "${missing}": there is no such file`,
    );
    await assertRejects(() => open(folder), DataError, "it is not a file");
    await assertRejects(() => open(text), DataError, "it is not a library that this machine can load");
    await assertRejects(() => open("on"), DataError, "Give auto, off or the path of a library");
  });
});

Deno.test({
  name: "--blas names a library without cblas_sgemm",
  ignore: Deno.build.os !== "linux" || Deno.build.arch !== "x86_64",
  fn: async () => {
    const library = ["/usr/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib64/libm.so.6", "/usr/lib/libm.so.6"]
      .find((path) => {
        try {
          return Deno.statSync(path).isFile;
        } catch {
          return false;
        }
      });
    if (library) await assertRejects(() => open(library), DataError, "it has no cblas_sgemm");
  },
});

Deno.test({
  name: "--blas says which permission its library wants, and asks nobody",
  permissions: { ffi: false, read: true, write: true },
  fn: () =>
    inFolder(async (folder) => {
      const library = join(folder, "lib x.so");
      Deno.writeTextFileSync(library, "");
      await assertRejects(
        () => open(library),
        UsageError,
        `Add '--allow-ffi=${library}' behind "deno run -P"`,
      );
    }),
});

for (const library of installed) {
  Deno.test(`products by ${library} equal float64`, async () => {
    const backend = await open(library);
    try {
      assertEquals(backend.description.split("products by ")[1], library);
      for (const example of operationCases.filter(({ name }) => name.startsWith("matmul"))) {
        await checkCase(backend, example, { repeats: 2, largest: 200 });
      }
    } finally {
      await backend.close();
    }
  });
}

Deno.test({
  name: "a library stays loaded when the engine is closed",
  ignore: installed.length === 0 || Deno.build.os !== "linux",
  fn: () =>
    inFolder(async (folder) => {
      const engine = toFileUrl(join(root, "lib/backend/cpu/mod.ts")), script = join(folder, "script.ts");
      Deno.writeTextFileSync(
        script,
        `import { openCpuBackend } from "${engine}";
        const backend = await openCpuBackend({ threads: 1, blas: "${installed[0]}" });
        await backend.close();
        const file = Deno.realPathSync("${installed[0]}");
        Deno.exit(Deno.readTextFileSync("/proc/self/maps").includes(file) ? 0 : 3);`,
      );
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", "--no-lock", `--config=${join(root, "deno.json")}`, script],
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    }),
});
