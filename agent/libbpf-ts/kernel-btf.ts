import { Btf, type BtfType } from "./btf.ts";
import { Descriptor } from "./descriptor.ts";
import { check } from "./errors.ts";
import type { MapHandle } from "./map-handle.ts";
import { abi } from "./native/abi.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

/** Types of a map's keys and values, as whoever made the map declared them. */
export interface MapTypes {
  readonly key: BtfType;
  readonly value: BtfType;
}

/** The types that the kernel keeps of a map; undefined for one that was made without, or is of a kind that has none. */
export function typesOfMap(map: MapHandle): MapTypes | undefined {
  const { keyTypeId, valueTypeId } = map.info;
  const btf = btfOfMap(map);
  return btf && { key: btf.type(keyTypeId), value: btf.type(valueTypeId) };
}

/** All types of what a map was loaded with; undefined for one that was made without. */
export function btfOfMap({ info, name }: MapHandle): Btf | undefined {
  return info.btfId === 0 ? undefined : readBtf(info.btfId, `BTF of map ${name}`);
}

function readBtf(id: number, subject: string): Btf {
  const fd = check(native().btfFdById(id) as number, "bpf_btf_get_fd_by_id", subject);
  using descriptor = new Descriptor(fd, subject);
  const layout = abi.bpf_btf_info;
  // Without a buffer the kernel tells the size.
  const read = (blob: Uint8Array | null): number => {
    const info = new Struct(layout.size);
    if (blob) info.pointer(layout.btf, blob).u32(layout.btf_size, blob.length);
    const size = new Struct(4).u32(0, layout.size);
    check(native().objInfo(descriptor.fd, info.bytes, size.bytes) as number, "bpf_obj_get_info_by_fd", subject);
    return info.view.getUint32(layout.btf_size, true);
  };
  const blob = new Uint8Array(read(null));
  read(blob);
  return new Btf(blob);
}
