/** The part of bun's foreign function interface that the CNI binary uses. */
declare module "bun:ffi" {
  type NativeType = "int" | "i32" | "u32" | "i64" | "u64" | "ptr";

  interface NativeFunction {
    readonly args: readonly NativeType[];
    readonly returns: NativeType;
  }

  /** A typed array stands for the address of its first byte; 64-bit results may be big integers. */
  type NativeCall = (...values: (number | Uint8Array | Int32Array | BigInt64Array)[]) => number | bigint;

  export function dlopen<Names extends string>(
    library: string,
    functions: Readonly<Record<Names, NativeFunction>>,
  ): { readonly symbols: Readonly<Record<Names, NativeCall>> };

  export const read: { i32(address: number, offset?: number): number };
}
