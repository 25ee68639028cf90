import type { Backend } from "../backend/backend.ts";

/** What computed some numbers, as parts and summaries name it: "cpu", "webgpu", "cpu with libopenblasp-r0.3.21.so, 2 threads". */
export function engineOf({ name, blas }: Pick<Backend, "name" | "blas">): string {
  return blas ? `${name} with ${blas}` : name;
}
