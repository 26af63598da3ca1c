/**
 * The types that BTF knows (Documentation/bpf/btf.rst of the kernel), as plain values.
 * `id`s are positions in the blob; 0 is `void`.
 */
export type BtfType =
  | { readonly kind: "void" }
  | { readonly kind: "int"; readonly name: string; readonly size: number; readonly signed: boolean; readonly bool: boolean }
  | { readonly kind: "float"; readonly name: string; readonly size: number }
  | { readonly kind: "pointer"; readonly type: number }
  | { readonly kind: "array"; readonly type: number; readonly length: number }
  | { readonly kind: "struct" | "union"; readonly name: string; readonly size: number; readonly members: readonly BtfMember[] }
  | { readonly kind: "enum"; readonly name: string; readonly size: number; readonly values: readonly BtfEnumValue[] }
  | { readonly kind: "forward"; readonly name: string; readonly union: boolean }
  | { readonly kind: "typedef"; readonly name: string; readonly type: number }
  | { readonly kind: "modifier"; readonly modifier: "volatile" | "const" | "restrict" | "tag"; readonly type: number }
  | { readonly kind: "function"; readonly name: string; readonly type: number }
  | { readonly kind: "prototype"; readonly returns: number; readonly parameters: readonly { readonly name: string; readonly type: number }[] }
  | { readonly kind: "variable"; readonly name: string; readonly type: number }
  | { readonly kind: "section"; readonly name: string; readonly size: number; readonly variables: readonly BtfSectionVariable[] }
  | { readonly kind: "declaration-tag"; readonly name: string; readonly type: number; readonly component: number };

export type BtfKind = BtfType["kind"];
export type BtfTypeOf<K extends BtfKind> = Extract<BtfType, { readonly kind: K }>;
export type BtfStruct = Extract<BtfType, { readonly members: unknown }>;

/** A member of a struct or union; anonymous ones have an empty name. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** Bits, for a bit field; 0 for a whole type. */
  readonly bitSize: number;
}

export interface BtfEnumValue {
  readonly name: string;
  /** Exact up to 53 bits; larger 64-bit values are rounded. */
  readonly value: number;
}

/** Where a global variable stands in its data section, in bytes. */
export interface BtfSectionVariable {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}
