/**
 * Offsets and sizes in bytes of C's structures, by their C names: of libbpf 1.1's
 * `<bpf/bpf.h>` and `<bpf/libbpf.h>`, and of `<linux/bpf.h>`. They are part of a stable
 * ABI: structures grow at their end and tell their size. A test compares them with the headers.
 */
export const abi = {
  // libbpf
  bpf_object_open_opts: { size: 80, object_name: 8 },
  bpf_map_create_opts: { size: 48, map_flags: 28 },
  bpf_test_run_opts: {
    size: 80,
    data_in: 8,
    data_out: 16,
    data_size_in: 24,
    data_size_out: 28,
    ctx_in: 32,
    ctx_out: 40,
    ctx_size_in: 48,
    ctx_size_out: 52,
    retval: 56,
    repeat: 60,
    duration: 64,
  },
  bpf_link_create_opts: { size: 64, flags: 8 },
  bpf_tc_hook: { size: 24, ifindex: 8, attach_point: 12 },
  bpf_tc_opts: { size: 32, prog_fd: 8, flags: 12, prog_id: 16, handle: 20, priority: 24 },

  // Linux
  __sk_buff: { size: 192, mark: 8, ingress_ifindex: 36, ifindex: 40, gso_size: 176 },
  bpf_map_info: {
    size: 80,
    type: 0,
    id: 4,
    key_size: 8,
    value_size: 12,
    max_entries: 16,
    map_flags: 20,
    name: 24,
    btf_id: 64,
    btf_key_type_id: 68,
    btf_value_type_id: 72,
  },
  bpf_prog_info: {
    size: 232,
    type: 0,
    id: 4,
    tag: 8,
    xlated_prog_len: 20,
    nr_map_ids: 52,
    map_ids: 56,
    name: 64,
    verified_insns: 216,
  },
  bpf_btf_info: { size: 32, btf: 0, btf_size: 8 },
} as const;

/** Parts of Linux 6.6 and later that older headers lack; `<linux/bpf.h>`, `union bpf_attr` and `struct bpf_link_info`. */
export const tcxAbi = {
  link_create: { size: 48, prog_fd: 0, target_ifindex: 4, attach_type: 8, flags: 12 },
  query: { size: 64, target_ifindex: 0, attach_type: 4, prog_ids: 16, count: 24, link_ids: 40 },
  link_info: { size: 64, type: 0, id: 4, prog_id: 8, ifindex: 16, attach_type: 20 },
} as const;
