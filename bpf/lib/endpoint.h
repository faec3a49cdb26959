/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_ENDPOINT_H
#define PILUS_LIB_ENDPOINT_H

/* The pods of this node, and who holds any other address. */
#include "lib/packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* ifindex */
	__type(value, struct pilus_endpoint);
} endpoints_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_addr);
	__type(value, struct pilus_destination);
} destinations_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_range_key);
	__type(value, struct pilus_range);
} ranges_v1 SEC(".maps");

static __always_inline const struct pilus_destination *
destination_find(const struct pilus_addr *address)
{
	return bpf_map_lookup_elem(&destinations_v1, address);
}

/* The block, or else the pool, that an address lies in. */
static __noinline const struct pilus_range *
range_find(const struct pilus_addr *address)
{
	struct pilus_range_key key = {
		.prefixlen = 128,
		.address = *address,
	};

	return bpf_map_lookup_elem(&ranges_v1, &key);
}

#endif /* PILUS_LIB_ENDPOINT_H */
