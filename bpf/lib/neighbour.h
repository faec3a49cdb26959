/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_NEIGHBOUR_H
#define PILUS_LIB_NEIGHBOUR_H

/*
 * A pod's only neighbour is its gateway, 169.254.1.1 or fe80::1. Its ARP
 * requests and neighbour solicitations are answered here, so that no entry in
 * the pod has to be permanent (those vanish on link down and up).
 */
#include "lib/packet.h"

#define GATEWAY_IPV4 bpf_htonl(0xa9fe0101)

/* RFC 826, for Ethernet and IPv4 */
struct arp_ipv4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
} __attribute__((packed));

struct neighbour_message {
	struct icmp6hdr icmp;
	struct in6_addr target;
	__u8 option;
	__u8 option_length; /* in 8 bytes */
	__u8 option_mac[6];
};

#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_OPTION_SOURCE 1
#define ND_OPTION_TARGET 2
#define NA_SOLICITED_OVERRIDE bpf_htonl(0x60000000) /* RFC 4861, 4.4 */

static __always_inline void answer(struct ethhdr *eth, const __u8 *gateway_mac)
{
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, gateway_mac, ETH_ALEN);
}

/*
 * Turns a request for the gateway into its answer, to be sent back. Returns 0,
 * or the reason to drop it; "there is nobody" (0.0.0.0) is no forgery.
 */
static __noinline int neighbour_arp(struct __sk_buff *skb,
				    const struct pilus_endpoint *endpoint)
{
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = (void *)(long)skb->data;
	struct arp_ipv4 *arp = (void *)(eth + 1);
	__be32 target, sender;

	if ((void *)(arp + 1) > data_end)
		return PILUS_DROP_TRUNCATED;
	if (arp->operation != bpf_htons(ARP_REQUEST) ||
	    arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_length != ETH_ALEN || arp->protocol_length != 4)
		return PILUS_DROP_LINK_LOCAL;
	__builtin_memcpy(&target, arp->target, 4);
	__builtin_memcpy(&sender, arp->sender, 4);
	if (sender && sender != endpoint->ipv4.word[3])
		return PILUS_DROP_SPOOFED_SOURCE;
	if (!sender || target != GATEWAY_IPV4)
		return PILUS_DROP_LINK_LOCAL;

	arp->operation = bpf_htons(ARP_REPLY);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, ETH_ALEN);
	__builtin_memcpy(arp->target, &sender, 4);
	__builtin_memcpy(arp->sender_mac, endpoint->gateway_mac, ETH_ALEN);
	__builtin_memcpy(arp->sender, &target, 4);
	answer(eth, endpoint->gateway_mac);
	return 0;
}

static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The sum of an IPv6 pseudo header (RFC 8200, 8.1). */
static __always_inline __u64 checksum_pseudo(const struct ipv6hdr *ip,
					     __u32 length, __u32 protocol)
{
	__u64 sum = bpf_htonl(length) + (__u64)bpf_htonl(protocol);
	int i;

	for (i = 0; i < 4; i++) {
		sum += ip->saddr.in6_u.u6_addr32[i];
		sum += ip->daddr.in6_u.u6_addr32[i];
	}
	return sum;
}

/* The same for a solicitation. */
static __noinline int neighbour_solicit(struct __sk_buff *skb,
					const struct pilus_endpoint *endpoint)
{
	struct neighbour_message *nd;
	struct in6_addr target;
	struct ipv6hdr *ip;
	struct ethhdr *eth;
	__u64 sum = 0;
	__u32 *word;
	int i;

	if (bpf_skb_pull_data(skb, sizeof(*eth) + sizeof(*ip) + sizeof(*nd)))
		return PILUS_DROP_LINK_LOCAL;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	nd = (void *)(ip + 1);
	if ((void *)(nd + 1) > (void *)(long)skb->data_end ||
	    ip->nexthdr != IPPROTO_ICMPV6 || ip->hop_limit != 255 ||
	    ip->payload_len != bpf_htons(sizeof(*nd)) ||
	    nd->icmp.icmp6_type != ND_SOLICITATION ||
	    nd->option != ND_OPTION_SOURCE || nd->option_length != 1)
		return PILUS_DROP_LINK_LOCAL;
	target = nd->target;
	if (target.in6_u.u6_addr32[0] != bpf_htonl(0xfe800000) ||
	    target.in6_u.u6_addr32[1] || target.in6_u.u6_addr32[2] ||
	    target.in6_u.u6_addr32[3] != bpf_htonl(1))
		return PILUS_DROP_LINK_LOCAL;

	ip->daddr = ip->saddr;
	ip->saddr = target;
	nd->icmp.icmp6_type = ND_ADVERTISEMENT;
	nd->icmp.icmp6_cksum = 0;
	nd->icmp.icmp6_dataun.un_data32[0] = NA_SOLICITED_OVERRIDE;
	nd->option = ND_OPTION_TARGET;
	__builtin_memcpy(nd->option_mac, endpoint->gateway_mac, ETH_ALEN);
	word = (__u32 *)nd;
	for (i = 0; i < (int)(sizeof(*nd) / 4); i++)
		sum += word[i];
	nd->icmp.icmp6_cksum = checksum_fold(
		sum + checksum_pseudo(ip, sizeof(*nd), IPPROTO_ICMPV6));
	answer(eth, endpoint->gateway_mac);
	return 0;
}

#endif /* PILUS_LIB_NEIGHBOUR_H */
