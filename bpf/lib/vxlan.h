/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_VXLAN_H
#define PILUS_LIB_VXLAN_H

/*
 * VXLAN (RFC 7348) headers put in front of a packet and taken off again, over
 * IPv4. The kernel's device does the same on a way twice as long: qdisc, route,
 * tunnel key; IP, UDP and a second round through the receive queue. It stays for
 * what cannot be done here: IPv6 underneath, and receiving segmented packets,
 * whose tunnel flags no helper clears.
 */
#include "lib/neighbour.h"

#define VXLAN_HAS_VNI bpf_htonl(0x08000000)
#define VXLAN_FIRST_PORT 49152 /* RFC 6335: the dynamic ports */
#define IP_DONT_FRAGMENT bpf_htons(0x4000)
#define ECN_MASK 3

/* BPF_F_ADJ_ROOM_DECAP_L3_IPV6 of Linux 6.3, which older headers lack. */
#define ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)

struct vxlan_ipv4 {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__be32 flags;
	__be32 vni;
	struct ethhdr inner;
	__u8 inner_ip[2]; /* of whichever family */
} __attribute__((packed));

#define VXLAN_IPV4_ROOM (sizeof(struct vxlan_ipv4) - 2 - sizeof(struct ethhdr))

/* Congestion is seen through the tunnel (RFC 6040). */
static __always_inline __u8 vxlan_ecn(const struct vxlan_ipv4 *to)
{
	if (to->inner.h_proto == bpf_htons(ETH_P_IPV6))
		return to->inner_ip[1] >> 4 & ECN_MASK;
	return to->inner_ip[1] & ECN_MASK;
}

/**
 * vxlan_push_ipv4() - put a packet into VXLAN
 * @node:	the receiver's address, IPv4 mapped
 * @mac:	of its tunnel device
 * @vni:	the sender's identity
 *
 * The outer frame's link addresses are not set. Returns 0, or an error after
 * which the packet is as it was.
 */
static __always_inline int vxlan_push_ipv4(struct __sk_buff *skb,
					   const struct pilus_addr *node,
					   const __u8 *mac, __u32 vni)
{
	/* the pod's MTU leaves room: segments keep their size */
	const __u64 flags =
		BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
		BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_ENCAP_L2_ETH |
		BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN);
	__be16 protocol = skb->protocol;
	/* a port a flow: the paths between nodes share the load by it */
	__u32 hash = bpf_get_hash_recalc(skb);
	struct vxlan_ipv4 *to;
	__u32 total, *word;
	__u64 sum = 0;
	int i;

	if (bpf_skb_adjust_room(skb, VXLAN_IPV4_ROOM, BPF_ADJ_ROOM_MAC, flags))
		return -1;
	to = (void *)(long)skb->data;
	if ((void *)(to + 1) > (void *)(long)skb->data_end)
		return 0; /* has grown by the headers: cannot be */

	mac_copy(to->inner.h_source, pilus_config.overlay_mac);
	mac_copy(to->inner.h_dest, mac);
	to->inner.h_proto = protocol;
	to->vni = bpf_htonl(vni << 8);
	to->flags = VXLAN_HAS_VNI;
	total = skb->len - ETH_HLEN;
	to->udp.source = bpf_htons(VXLAN_FIRST_PORT | (hash & 0x3fff));
	to->udp.dest = bpf_htons(pilus_config.tunnel_port);
	to->udp.len = bpf_htons(total - sizeof(to->ip));
	to->udp.check = 0; /* RFC 7348, section 5 */
	to->ip.version = 4;
	to->ip.ihl = 5;
	to->ip.tos = vxlan_ecn(to);
	to->ip.tot_len = total > 0xffff ? 0 : bpf_htons(total);
	to->ip.id = 0; /* RFC 6864: never a fragment */
	to->ip.frag_off = IP_DONT_FRAGMENT;
	to->ip.ttl = 64;
	to->ip.protocol = IPPROTO_UDP;
	to->ip.check = 0;
	to->ip.saddr = pilus_config.node_ipv4.word[3];
	to->ip.daddr = node->word[3];
	word = (__u32 *)&to->ip;
	for (i = 0; i < (int)sizeof(to->ip) / 4; i++)
		sum += word[i];
	to->ip.check = checksum_fold(sum);
	to->eth.h_proto = bpf_htons(ETH_P_IP);
	return 0;
}

/* Until when packets go by the kernel's device, in coarse ns since boot. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} vxlan_detour SEC(".maps");

/* Longer than the receive queue behind the kernel's device holds a packet. */
#define VXLAN_DETOUR_NS 10000000ULL

/* A packet for this node in VXLAN as vxlan_push_ipv4() makes it. */
static __always_inline bool vxlan_is_plain(struct __sk_buff *skb,
					   const struct vxlan_ipv4 *from)
{
	const __u32 *word = (const __u32 *)&from->ip;
	__u32 total = skb->len - ETH_HLEN;
	__u64 sum = 0;
	int i;

	for (i = 0; i < (int)sizeof(from->ip) / 4; i++)
		sum += word[i];
	return !skb->gso_size && !checksum_fold(sum) &&
	       from->ip.tot_len == bpf_htons(total) &&
	       from->udp.len == bpf_htons(total - sizeof(from->ip)) &&
	       !from->udp.check && from->flags == VXLAN_HAS_VNI &&
	       (from->ip.tos & ECN_MASK) != ECN_MASK && /* RFC 6040 */
	       (from->inner.h_proto == bpf_htons(ETH_P_IP) ||
		from->inner.h_proto == bpf_htons(ETH_P_IPV6));
}

static __always_inline bool vxlan_is_for_us(const struct vxlan_ipv4 *from)
{
	return from->eth.h_proto == bpf_htons(ETH_P_IP) &&
	       *(__u8 *)&from->ip == 0x45 && from->ip.protocol == IPPROTO_UDP &&
	       !(from->ip.frag_off & bpf_htons(IP_OFFSET | IP_MORE)) &&
	       from->ip.daddr == pilus_config.node_ipv4.word[3] &&
	       from->udp.dest == bpf_htons(pilus_config.tunnel_port);
}

/**
 * vxlan_pop_ipv4() - take a packet out of VXLAN
 * @node:	becomes the sender's address underneath
 * @vni:	becomes the identity that it says
 *
 * Returns whether it did; else the packet is as it was, and for the kernel.
 * Packets keep their order: once one has to go by the kernel's device, where it
 * waits in a queue, those behind it go there too.
 */
static __always_inline bool vxlan_pop_ipv4(struct __sk_buff *skb,
					   struct pilus_addr *node, __u32 *vni)
{
	struct vxlan_ipv4 *from = (void *)(long)skb->data;
	__u32 zero = 0;
	__u64 *detour, flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	struct ethhdr *eth;
	__be16 protocol;

	if ((void *)(from + 1) > (void *)(long)skb->data_end ||
	    !vxlan_is_for_us(from))
		return false;
	detour = bpf_map_lookup_elem(&vxlan_detour, &zero);
	if (!detour)
		return false;
	if (!vxlan_is_plain(skb, from)) {
		*detour = bpf_ktime_get_coarse_ns() + VXLAN_DETOUR_NS;
		return false;
	}
	if (*detour) {
		if (bpf_ktime_get_coarse_ns() < *detour)
			return false;
		*detour = 0;
	}
	addr_from_ipv4(node, from->ip.saddr);
	*vni = bpf_ntohl(from->vni) >> 8;
	protocol = from->inner.h_proto;
	if (protocol == bpf_htons(ETH_P_IPV6))
		flags |= ADJ_ROOM_DECAP_L3_IPV6;
	if (bpf_skb_adjust_room(skb, -(__s32)VXLAN_IPV4_ROOM, BPF_ADJ_ROOM_MAC,
				flags))
		return false;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) <= (void *)(long)skb->data_end)
		eth->h_proto = protocol;
	return true;
}

#endif /* PILUS_LIB_VXLAN_H */
