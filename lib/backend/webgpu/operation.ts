/** The form in which the file of a kernel family gives its part of the interface. */
import type { Backend } from "../backend.ts";
import type { Runtime } from "./runtime.ts";

type OperationName = {
  [Name in keyof Backend]-?: Backend[Name] extends (...operands: never[]) => unknown ? Name : never;
}[keyof Backend];

/** An operation of the interface, with the runtime before its own arguments. */
export type Operation<Name extends OperationName> = (
  runtime: Runtime,
  ...operands: Parameters<Backend[Name]>
) => ReturnType<Backend[Name]>;

/** The part of the interface that a file gives. */
export type Operations<Name extends OperationName> = { readonly [Each in Name]: Operation<Each> };

/** The operations as the interface has them, on one runtime. */
export function bindOperations<Name extends OperationName>(
  runtime: Runtime,
  operations: Operations<Name>,
): Pick<Backend, Name> {
  const entries = Object.entries(operations as unknown as Record<string, (runtime: Runtime) => unknown>);
  return Object.fromEntries(
    entries.map(([name, operation]) => [name, operation.bind(null, runtime)]),
  ) as Pick<Backend, Name>;
}
