/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_BENCH_REFERENCE_H
#define PILUS_BENCH_REFERENCE_H

/* Keys and values that reference.c writes and reference.bpf.c reads. */
#include <linux/if_ether.h>
#include <linux/types.h>

struct address {
	__u32 word[4]; /* network order; IPv4 in word[3] alone */
};

/* pods_v4 (by __be32), pods_v6 (by struct address) */
struct pod {
	__u32 ifindex; /* host side */
	__u8 source[ETH_ALEN];
	__u8 destination[ETH_ALEN];
};

/* identities -> __u32 identity */
struct address_key {
	__u32 prefixlen;
	struct address address;
};

/* policy -> __u64 packets */
struct policy_key {
	__u32 prefixlen;
	__u32 identity; /* 0: any */
	__u8 egress;
	__u8 protocol;
	__be16 port;
};

#define POLICY_ANY_PORT 48 /* prefixlen of a rule for all ports */
#define POLICY_ONE_PORT 64

#endif /* PILUS_BENCH_REFERENCE_H */
