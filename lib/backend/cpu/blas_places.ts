/** Where BLAS libraries are installed by the usual packages, and whether one of them lies there unused. */

const linuxFolders = [
  ...["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"],
];

const inEachFolder = (files: readonly string[]) =>
  linuxFolders.flatMap((folder) => files.map((file) => `${folder}/${file}`));

/** In the order in which they are tried; BLIS is left out, whose builds for any processor are slower than our kernels. The set "blas" of deno.json grants these alone. */
export const candidates: Partial<Record<typeof Deno.build.os, string[]>> = {
  linux: [
    ...inEachFolder(["libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0"]),
    ...["3", "2", "1"].map((version) => `/opt/intel/oneapi/mkl/latest/lib/libmkl_rt.so.${version}`),
    "/opt/intel/oneapi/mkl/latest/lib/intel64/libmkl_rt.so.2",
    ...["/usr/lib/x86_64-linux-gnu", "/usr/lib64"].map((folder) => `${folder}/libmkl_rt.so`),
  ],
  darwin: [
    "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    "/usr/local/opt/openblas/lib/libopenblas.dylib",
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
  ],
};

/** A library that is installed where this run may not use it; null where there is none, or the run may not look. */
export function forbiddenBlas(): string | null {
  const installed = (library: string) => {
    try {
      return Deno.statSync(library).isFile;
    } catch {
      return false;
    }
  };
  const allowed = (name: "ffi" | "read", path: string) =>
    Deno.permissions.querySync({ name, path }).state === "granted";
  return (candidates[Deno.build.os] ?? []).find((library) =>
    allowed("read", library) && !allowed("ffi", library) && installed(library)
  ) ?? null;
}
