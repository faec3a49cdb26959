/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_CONFIG_H
#define PILUS_LIB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "pilus/abi.h"

enum pilus_config_flags {
	PILUS_CONFIG_NATIVE = 1, /* pods' addresses travel as they are */
	PILUS_CONFIG_DIRECT = 2, /* other nodes are on the uplink's link */
};

/* What the agent writes into read-only data before it loads the programs. */
struct pilus_config {
	__u32 host_ifindex; /* pilus_net, the far end of pilus_host */
	__u32 overlay_ifindex; /* the VXLAN device; 0 with native routing */
	__u32 uplink_ifindex;
	__u32 flags; /* enum pilus_config_flags */
	__u8 host_mac[6]; /* of pilus_host and of pilus_net */
	__u8 overlay_mac[6];
	__u32 pod_mtu;
	__u32 underlay_mtu;
	struct pilus_addr node_ipv4; /* this node's own, for ICMP errors */
	struct pilus_addr node_ipv6;
	__u16 tunnel_port;
	__u16 zero;
	__u32 connection_rate; /* new conntrack entries a second and endpoint */
	__u32 event_rate; /* events a second and endpoint */
	__u32 connection_share; /* conntrack entries at a time and endpoint */
};

const volatile struct pilus_config pilus_config;

static __always_inline bool forward_is_tunnelled(void)
{
	return !(pilus_config.flags & PILUS_CONFIG_NATIVE);
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define min(a, b) ((a) < (b) ? (a) : (b))

#endif /* PILUS_LIB_CONFIG_H */
