/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_FRAGMENT_H
#define PILUS_LIB_FRAGMENT_H

/* Later fragments carry no ports: they follow their first fragment. */
#include "lib/packet.h"

struct fragment_key {
	struct pilus_addr source;
	struct pilus_addr destination;
	__u32 id;
	__u32 ifindex; /* two pods' fragments never meet */
	__u32 protocol;
};

struct fragment {
	__be16 source_port;
	__be16 destination_port;
	__u8 icmp_type;
	__u8 icmp_code;
	__u16 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments_v1 SEC(".maps");

/**
 * fragment_follow() - give a fragment its ports
 * @p:		parsed
 * @from:	the interface of the pod that sent it; 0 for what other nodes send
 *
 * A later fragment whose first was not seen is dropped: 0 or the reason.
 */
static __noinline int fragment_follow(struct packet *p, __u32 from)
{
	struct fragment_key key = {
		.source = p->source,
		.destination = p->destination,
		.id = p->fragment,
		.ifindex = from,
		.protocol = p->protocol,
	};
	struct fragment fresh = {}, *first;

	if (p->flags & PACKET_FIRST_FRAGMENT) {
		fresh.source_port = p->source_port;
		fresh.destination_port = p->destination_port;
		fresh.icmp_type = p->icmp_type;
		fresh.icmp_code = p->icmp_code;
		bpf_map_update_elem(&fragments_v1, &key, &fresh, BPF_ANY);
		return 0;
	}
	first = bpf_map_lookup_elem(&fragments_v1, &key);
	p->tcp = TCP_ACK; /* opens nothing, closes nothing */
	if (!first) {
		p->source_port = 0;
		p->destination_port = 0;
		return PILUS_DROP_FRAGMENT_UNKNOWN;
	}
	p->source_port = first->source_port;
	p->destination_port = first->destination_port;
	p->icmp_type = first->icmp_type;
	p->icmp_code = first->icmp_code;
	return 0;
}

#endif /* PILUS_LIB_FRAGMENT_H */
