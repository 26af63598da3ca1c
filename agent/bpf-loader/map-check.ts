import {
  type Btf,
  type BtfType,
  type BpfObject,
  bytes,
  compareShapes,
  type MapHandle,
  MapOfMaps,
  typesOfMap,
} from "libbpf-ts";

/**
 * How a pinned map differs from the one that an object wants, in phrases; empty when the
 * programs of both can share it. Sizes alone do not say it: fields may have changed places.
 */
export function compareMap(object: BpfObject, btf: Btf, name: string, pinned: MapHandle): string[] {
  const differences = compareShapes(pinned.info, object.shapeOf(name));
  if (differences.length > 0) return differences;
  return [...compareInner(object, name, pinned), ...compareTypes(object, btf, name, pinned)];
}

/** What is in a map of maps, by its first entry: the kernel sees to it that they are all alike. */
function compareInner(object: BpfObject, name: string, pinned: MapHandle): string[] {
  const wanted = object.innerShapeOf(name);
  if (!wanted) return [];
  const outer = new MapOfMaps(pinned, bytes(pinned.info.keySize));
  for (const key of outer.keys()) {
    using inner = outer.get(key);
    if (!inner) continue;
    const found = { ...inner.info, maxEntries: wanted.maxEntries };
    return compareShapes(found, wanted).map((difference) => `inner maps with ${difference}`);
  }
  return [];
}

function compareTypes(object: BpfObject, btf: Btf, name: string, pinned: MapHandle): string[] {
  const found = typesOfMap(pinned);
  const wanted = object.typesOf(name);
  if (!found || wanted.key === 0 || wanted.value === 0) return [];
  return [
    ...compareLeaves("keys", found.key, btf.type(wanted.key)),
    ...compareLeaves("values", found.value, btf.type(wanted.value)),
  ];
}

function compareLeaves(what: string, found: BtfType, wanted: BtfType): string[] {
  const old = new Set(leaves(found));
  const other = [...leaves(wanted)].find((leaf) => !old.delete(leaf)) ?? [...old][0];
  return other === undefined ? [] : [`${what} of another ${spell(wanted)}: ${other}`];
}

function spell(type: BtfType): string {
  return type.kind === "struct" || type.kind === "union" ? `${type.kind} ${type.name}` : type.name;
}

/** Every field of a type down to the last one, with its place: `end.rules: __u32[3] at 12`. */
function* leaves(type: BtfType, path = "", offset = 0): Generator<string> {
  if (type.kind === "struct" || type.kind === "union") {
    for (const member of type.members) {
      const inner = [path, member.name].filter((part) => part !== "").join(".");
      yield* leaves(member.type, inner, offset + member.offset);
    }
  } else if (type.kind === "array") {
    for (const leaf of leaves(type.element, path, offset)) yield `${leaf}, ${type.length} times ${type.element.size}`;
  } else {
    yield `${path}: ${type.name} of ${type.size} bytes at ${offset}`.replace(/^: /, "");
  }
}
