/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_TOOBIG_H
#define PILUS_LIB_TOOBIG_H

/*
 * bpf_redirect checks no MTU, and a collect-metadata VXLAN device says that
 * everything fits: outer packets would be fragmented in silence. So we check,
 * and tell the sender (RFC 1191, RFC 8201).
 */
#include "lib/neighbour.h"

/*
 * Bytes of the packet to send back: with all options or some extension headers
 * before a TCP header, as a packet is not cut before a checksum that the device
 * is still to fill in.
 */
#define QUOTE_IPV4 80
#define QUOTE_IPV6 (sizeof(struct ipv6hdr) + 64)

/* The length of the largest IP packet that this becomes on the wire. */
static __always_inline __u32 packet_ip_length(struct __sk_buff *skb,
					      const struct packet *p)
{
	__u32 header = p->l4 - ETH_HLEN;

	if (!skb->gso_size)
		return skb->len - ETH_HLEN;
	/* a TCP segment carries up to 40 bytes of options; ours is in data */
	if (p->protocol == IPPROTO_TCP) {
		void *data_end = (void *)(long)skb->data_end;
		__u32 l4 = p->l4 & 0xff;
		struct tcphdr *tcp = (void *)(long)skb->data + l4;

		if ((void *)(tcp + 1) > data_end)
			return skb->gso_size + header + 60;
		return skb->gso_size + header + tcp->doff * 4;
	}
	return skb->gso_size + header + sizeof(struct udphdr);
}

static __noinline int toobig_ipv4(struct __sk_buff *skb, __u32 mtu)
{
	const __u32 room = sizeof(struct iphdr) + sizeof(struct icmp_header);
	const __u32 quote = QUOTE_IPV4;
	struct ethhdr *eth;
	struct icmp_header *icmp;
	struct iphdr *ip, *original;
	__u8 mac[ETH_ALEN];
	__u64 sum = 0;
	__u32 *word;
	int i;

	if (bpf_skb_change_tail(skb, ETH_HLEN + quote, 0) ||
	    bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0))
		return TC_ACT_SHOT;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	original = (void *)(icmp + 1);
	if ((void *)original + quote > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	__builtin_memset(ip, 0, room);
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = bpf_htons(room + quote);
	ip->ttl = 64;
	ip->protocol = IPPROTO_ICMP;
	ip->saddr = pilus_config.node_ipv4.word[3];
	ip->daddr = original->saddr;
	word = (__u32 *)ip;
	for (i = 0; i < (int)sizeof(*ip) / 4; i++)
		sum += word[i];
	ip->check = checksum_fold(sum);
	icmp->type = ICMP_UNREACHABLE;
	icmp->code = ICMP_CODE_FRAGMENTATION_NEEDED;
	icmp->mtu = bpf_htons(mtu);
	sum = 0;
	word = (__u32 *)icmp;
	for (i = 0; i < (int)(sizeof(*icmp) + quote) / 4; i++)
		sum += word[i];
	icmp->checksum = checksum_fold(sum);
	return bpf_redirect(skb->ifindex, 0);
}

static __noinline int toobig_ipv6(struct __sk_buff *skb, __u32 mtu)
{
	const __u32 room = sizeof(struct ipv6hdr) + sizeof(struct icmp6hdr);
	const __u32 quote = QUOTE_IPV6;
	struct ethhdr *eth;
	struct icmp6hdr *icmp;
	struct ipv6hdr *ip, *original;
	__u8 mac[ETH_ALEN];
	__u64 sum = 0;
	__u32 *word;
	int i;

	if (bpf_skb_change_tail(skb, ETH_HLEN + quote, 0) ||
	    bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0))
		return TC_ACT_SHOT;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	original = (void *)(icmp + 1);
	if ((void *)original + quote > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	__builtin_memset(ip, 0, room);
	ip->version = 6;
	ip->payload_len = bpf_htons(sizeof(*icmp) + quote);
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = 64;
	for (i = 0; i < 4; i++)
		ip->saddr.in6_u.u6_addr32[i] = pilus_config.node_ipv6.word[i];
	ip->daddr = original->saddr;
	icmp->icmp6_type = ICMPV6_TOO_BIG;
	icmp->icmp6_dataun.un_data32[0] = bpf_htonl(mtu);
	word = (__u32 *)icmp;
	for (i = 0; i < (int)(sizeof(*icmp) + quote) / 4; i++)
		sum += word[i];
	icmp->icmp6_cksum =
		checksum_fold(sum + checksum_pseudo(ip, sizeof(*icmp) + quote,
						    IPPROTO_ICMPV6));
	return bpf_redirect(skb->ifindex, 0);
}

/**
 * toobig_answer() - turn the packet into an ICMP error for its sender
 *
 * Returns a TC_ACT_*: the answer on its way, or a drop.
 */
static __noinline int toobig_answer(struct __sk_buff *skb, struct packet *p,
				    __u32 mtu)
{
	if (p->flags & (PACKET_ICMP_ERROR | PACKET_LATER_FRAGMENT))
		return TC_ACT_SHOT;
	return p->flags & PACKET_IPV6 ? toobig_ipv6(skb, mtu)
				      : toobig_ipv4(skb, mtu);
}

#endif /* PILUS_LIB_TOOBIG_H */
