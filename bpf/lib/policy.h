/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_POLICY_H
#define PILUS_LIB_POLICY_H

/*
 * Verdict tables: peers and ports become small classes, a pair of classes finds
 * a cell. All precedence was resolved when the table was built.
 */
#include "lib/event.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PILUS_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} slots_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct pilus_table);
} tables_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_peer_class_key);
	__type(value, __u32);
} peer_classes_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_address_class_key);
	__type(value, __u32);
} address_classes_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_port_class_key);
	__type(value, __u32);
} port_classes_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_cell_key);
	__type(value, __u64);
} cells_v1 SEC(".maps");

/* (generation << 32 | table) of a slot; 0 where there is none. */
static __always_inline __u64 slot_word(__u32 slot)
{
	__u64 *word = bpf_map_lookup_elem(&slots_v1, &slot);

	return word ? *(volatile __u64 *)word : 0;
}

static __always_inline __u32 policy_peer_class(__u32 table, __u32 identity)
{
	struct pilus_peer_class_key key = {
		.table = table,
		.identity = identity,
	};
	__u32 *class = bpf_map_lookup_elem(&peer_classes_v1, &key);

	if (class)
		return *class;
	key.table = 0;
	return bpf_map_lookup_elem(&peer_classes_v1, &key)
		       ? PILUS_CLASS_CLUSTER
		       : PILUS_CLASS_UNRESOLVED;
}

/* Protocols that rules can name keep their number. */
static __always_inline __u8 policy_protocol(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return protocol;
	default:
		return PILUS_PROTO_OTHER;
	}
}

static __always_inline __u32 policy_port_class(__u32 table, __u32 lengths,
					       __u8 protocol, __u16 port)
{
	struct pilus_port_class_key key = {
		.table = table,
		.protocol = policy_protocol(protocol),
	};
	__u32 *class;
	int length;

	for (length = 16; length >= 0; length--) {
		if (!(lengths & 1U << length))
			continue;
		key.port = port & (0xffff0000U >> length);
		key.length = length;
		class = bpf_map_lookup_elem(&port_classes_v1, &key);
		if (class)
			return *class;
	}
	return 0;
}

static __always_inline __u64 policy_cell(__u32 table, __u32 peer, __u32 port,
					 __u8 direction, __u8 half)
{
	struct pilus_cell_key key = {
		.table = table,
		.peer = peer,
		.port = port,
		.direction = direction,
		.half = half,
	};
	__u64 *cell = bpf_map_lookup_elem(&cells_v1, &key);

	return cell ? *cell : 0;
}

static __noinline __u32 policy_address_class(__u32 table,
					     const struct pilus_addr *address)
{
	struct pilus_address_class_key key = {
		.prefixlen = 160,
		.table = table,
		.address = *address,
	};
	__u32 *class = bpf_map_lookup_elem(&address_classes_v1, &key);

	return class ? *class : 0;
}

/* A better cell has a lower rank; at equal rank a denial. */
static __always_inline bool policy_is_better(__u64 cell, __u64 than)
{
	if (!cell)
		return false;
	if (!than || PILUS_CELL_RANK(cell) < PILUS_CELL_RANK(than))
		return true;
	return PILUS_CELL_RANK(cell) == PILUS_CELL_RANK(than) &&
	       PILUS_CELL_ACTION(cell) == PILUS_ACTION_DENY;
}

/**
 * policy_judge() - ask a table about a packet
 * @skb:	the packet; the parsed one is in the scratch map
 * @table:	0: there is none, which denies
 * @side:	enum pilus_direction: whose policy, by the connection's opening
 * @as_reply:	the packet travels against the connection's opening
 *
 * Leaves the deciding rule in the scratch packet. Returns a verdict.
 */
int policy_judge(struct __sk_buff *skb, __u32 table, __u32 side, __u32 as_reply)
{
	const struct pilus_addr *address;
	struct packet *p = packet_get();
	struct pilus_table *header;
	__u32 identity, class, port;
	__u64 cell, other;
	__u8 managed;

	if (!p || !skb)
		return PILUS_DROP_NO_TABLE;
	p->rule = 0;
	header = bpf_map_lookup_elem(&tables_v1, &table);
	if (!table || !header)
		return PILUS_DROP_NO_TABLE;

	/* the subject's peer: at the far end of the opening direction */
	if ((side == PILUS_EGRESS) != !!as_reply) {
		identity = p->destination_identity;
		address = &p->destination;
		managed = p->destination_managed;
	} else {
		identity = p->source_identity;
		address = &p->source;
		managed = p->source_managed;
	}
	port = policy_port_class(table, header->port_lengths, p->protocol,
				 packet_policy_port(p, as_reply));
	class = policy_peer_class(table, identity);
	cell = policy_cell(table, class, port, side, PILUS_HALF_PEER);
	if (header->flags & PILUS_TABLE_ADDRESSES) {
		__u32 in = policy_address_class(table, address);

		other = policy_cell(table, in, port, side,
				    managed ? PILUS_HALF_MANAGED
					    : PILUS_HALF_UNMANAGED);
		if (policy_is_better(other, cell))
			cell = other;
	}
	if (!cell)
		cell = side == PILUS_EGRESS ? header->default_egress
					    : header->default_ingress;

	p->rule = PILUS_CELL_RULE(cell);
	switch (PILUS_CELL_ACTION(cell)) {
	case PILUS_ACTION_ALLOW:
		return PILUS_ALLOW_POLICY;
	case PILUS_ACTION_DEFAULT_ALLOW:
		return PILUS_ALLOW_DEFAULT;
	case PILUS_ACTION_NODE:
		return PILUS_ALLOW_NODE;
	case PILUS_ACTION_DENY:
		return PILUS_DROP_POLICY_DENY;
	default:
		return class == PILUS_CLASS_UNRESOLVED ? PILUS_DROP_UNRESOLVED
						       : PILUS_DROP_POLICY;
	}
}

#endif /* PILUS_LIB_POLICY_H */
