/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_PACKET_H
#define PILUS_LIB_PACKET_H

/*
 * A parsed packet and what became known about it. It lives in a per-CPU map:
 * stack is what a program of this size runs out of first. Programs on traffic
 * hooks run with bottom halves off, so nothing else of ours runs meanwhile.
 */
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "lib/config.h"

/* <linux/icmp.h> would bring the C library's headers with it. RFC 792 */
enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO_REQUEST = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
	ICMPV6_TOO_BIG = 2, /* RFC 4443 */
	ICMPV6_ECHO_FIRST = 128,
	ICMPV6_ECHO_SECOND = 129, /* the reply */
};

#define ICMP_CODE_FRAGMENTATION_NEEDED 4

struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 id; /* echo */
	__be16 mtu; /* unreachable: fragmentation needed */
};

#define IP_OFFSET 0x1fff
#define IP_MORE 0x2000
#define PULL_BYTES 192 /* more than any chain of headers we follow */

enum packet_flags {
	PACKET_IPV6 = 1,
	PACKET_LATER_FRAGMENT = 2, /* has no transport header of its own */
	PACKET_FIRST_FRAGMENT = 4,
	PACKET_ICMP_ERROR = 8, /* inner_* are set */
	PACKET_ND = 16, /* neighbour discovery and its kin */
};

enum tcp_flags {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_ACK = 16,
};

struct packet {
	struct pilus_addr source;
	struct pilus_addr destination;
	__be16 source_port; /* of ICMP: see icmp_ports() */
	__be16 destination_port;
	__u8 protocol; /* as on the wire */
	__u8 tcp;
	__u8 icmp_type;
	__u8 icmp_code;
	__u32 flags; /* enum packet_flags */
	__u32 l4; /* offset of the transport header */
	__u32 end; /* of the packet, by its own length */
	__u32 fragment; /* id */

	/* The packet that an ICMP error is about. */
	struct pilus_addr inner_source;
	struct pilus_addr inner_destination;
	__be16 inner_source_port;
	__be16 inner_destination_port;
	__u8 inner_protocol;

	/* Who speaks to whom; a slot or number of 0: no pod of this node. */
	__u8 source_managed;
	__u8 destination_managed;
	__u8 zero;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 source_slot;
	__u32 destination_slot;
	__u32 source_endpoint;
	__u32 destination_endpoint;

	struct pilus_ct_key key;
	struct pilus_ct_entry entry;
	__u32 rule; /* that decided last */
	__u32 now; /* seconds of 2^30 ns since boot */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} packet_scratch SEC(".maps");

static __always_inline struct packet *packet_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&packet_scratch, &zero);
}

/*
 * Neither pointer may lose its volatile: the compiler would take the zeros that
 * read-only data holds before it is loaded.
 */
static __always_inline void mac_copy(__u8 *to, const volatile __u8 *from)
{
	int i;

	for (i = 0; i < ETH_ALEN; i++)
		to[i] = from[i];
}

static __always_inline bool addr_equal(const struct pilus_addr *a,
				       const struct pilus_addr *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] &&
	       a->word[1] == b->word[1] && a->word[0] == b->word[0];
}

static __always_inline bool addr_is_zero(const struct pilus_addr *a)
{
	return !(a->word[0] | a->word[1] | a->word[2] | a->word[3]);
}

static __always_inline bool addr_is_mapped(const struct pilus_addr *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == bpf_htonl(0xffff);
}

static __always_inline void addr_from_ipv4(struct pilus_addr *a, __be32 ipv4)
{
	a->word[0] = 0;
	a->word[1] = 0;
	a->word[2] = bpf_htonl(0xffff);
	a->word[3] = ipv4;
}

static __always_inline void addr_from_ipv6(struct pilus_addr *a,
					   const struct in6_addr *ipv6)
{
	a->word[0] = ipv6->in6_u.u6_addr32[0];
	a->word[1] = ipv6->in6_u.u6_addr32[1];
	a->word[2] = ipv6->in6_u.u6_addr32[2];
	a->word[3] = ipv6->in6_u.u6_addr32[3];
}

/* Multicast, broadcast, loopback and link-local: never routed by us. */
static __always_inline bool addr_is_local_scope(const struct pilus_addr *a,
						__u32 flags)
{
	__u32 first = bpf_ntohl(flags & PACKET_IPV6 ? a->word[0] : a->word[3]);

	if (flags & PACKET_IPV6)
		return first >> 24 == 0xff || first >> 22 == 0xfe80 >> 6 ||
		       (!a->word[0] && !a->word[1] && !a->word[2] &&
			bpf_ntohl(a->word[3]) <= 1);
	return first >> 28 >= 0xe || first >> 24 == 127 || first >> 24 == 0 ||
	       first >> 16 == 0xa9fe;
}

static __always_inline bool icmp_is_error(const struct packet *p, __u8 type)
{
	if (p->protocol == IPPROTO_ICMPV6)
		return type < ICMPV6_ECHO_FIRST;
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETER_PROBLEM || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_REDIRECT;
}

static __always_inline bool icmp_is_request(__u8 protocol, __u8 type)
{
	return type == (protocol == IPPROTO_ICMPV6 ? ICMPV6_ECHO_FIRST
						   : ICMP_ECHO_REQUEST);
}

static __always_inline bool icmp_is_reply(__u8 protocol, __u8 type)
{
	return type == (protocol == IPPROTO_ICMPV6 ? ICMPV6_ECHO_SECOND
						   : ICMP_ECHO_REPLY);
}

#define ICMP_NO_ECHO 0xffff

/*
 * What tells a connection of ICMP from others: who asks for an echo speaks from
 * the id to 0, who answers from 0 to the id. Any other type and code is of its
 * own kind, and has no answer: what was allowed to one is not to another.
 */
static __always_inline void icmp_ports(const struct icmp_header *icmp,
				       __u8 protocol, __be16 *source,
				       __be16 *destination)
{
	if (icmp_is_request(protocol, icmp->type)) {
		*source = icmp->id;
		*destination = 0;
	} else if (icmp_is_reply(protocol, icmp->type)) {
		*source = 0;
		*destination = icmp->id;
	} else {
		*source = bpf_htons(icmp->type << 8 | icmp->code);
		*destination = ICMP_NO_ECHO;
	}
}

#define IPV6_MAX_EXTENSIONS 6

struct fragment_header {
	__u8 next;
	__u8 zero;
	__be16 offset;
	__be32 id;
};

static __always_inline bool ipv6_is_extension(__u32 next)
{
	return next == IPPROTO_FRAGMENT || next == IPPROTO_HOPOPTS ||
	       next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_AH;
}

/*
 * Walks IPv6 extension headers from @offset. Returns the transport protocol,
 * or the reason to drop as a negative number. *@offset becomes the transport
 * header's.
 */
static __noinline int ipv6_extensions(struct __sk_buff *skb, __u32 next,
				      __u32 *offset, struct packet *p)
{
	struct fragment_header fragment;
	struct ipv6_opt_hdr option;
	bool fragmented = false;
	int i;

	for (i = 0; i < IPV6_MAX_EXTENSIONS; i++) {
		switch (next) {
		case IPPROTO_FRAGMENT:
			if (bpf_skb_load_bytes(skb, *offset, &fragment,
					       sizeof(fragment)))
				return -PILUS_DROP_EXTENSION;
			/* a fragment of a fragment hides the ports of both */
			if (fragmented)
				return -PILUS_DROP_INVALID;
			fragmented = true;
			if (bpf_ntohs(fragment.offset) & 0xfff8)
				p->flags |= PACKET_LATER_FRAGMENT;
			else if (fragment.offset & bpf_htons(1))
				p->flags |= PACKET_FIRST_FRAGMENT;
			p->fragment = fragment.id;
			next = fragment.next;
			*offset += sizeof(fragment);
			if (p->flags & PACKET_LATER_FRAGMENT)
				return next;
			break;
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
			if (bpf_skb_load_bytes(skb, *offset, &option,
					       sizeof(option)))
				return -PILUS_DROP_EXTENSION;
			next = option.nexthdr;
			*offset += (option.hdrlen + 1) * 8;
			break;
		case IPPROTO_AH:
			if (bpf_skb_load_bytes(skb, *offset, &option,
					       sizeof(option)))
				return -PILUS_DROP_EXTENSION;
			next = option.nexthdr;
			*offset += (option.hdrlen + 2) * 4;
			break;
		default:
			return next;
		}
	}
	return ipv6_is_extension(next) ? -PILUS_DROP_EXTENSION : (int)next;
}

/* The addresses and ports of the packet inside an ICMP error at @offset. */
static __noinline int packet_parse_inner(struct __sk_buff *skb,
					 struct packet *p, __u32 offset)
{
	struct fragment_header fragment;
	union {
		__be16 ports[4];
		struct icmp_header icmp;
	} l4 = {};
	struct ipv6hdr ip6;
	struct iphdr ip4;

	if (p->flags & PACKET_IPV6) {
		if (offset + sizeof(ip6) > p->end ||
		    bpf_skb_load_bytes(skb, offset, &ip6, sizeof(ip6)))
			return PILUS_DROP_TRUNCATED;
		addr_from_ipv6(&p->inner_source, &ip6.saddr);
		addr_from_ipv6(&p->inner_destination, &ip6.daddr);
		p->inner_protocol = ip6.nexthdr;
		offset += sizeof(ip6);
		if (ip6.nexthdr == IPPROTO_FRAGMENT) {
			if (offset + sizeof(fragment) > p->end ||
			    bpf_skb_load_bytes(skb, offset, &fragment,
					       sizeof(fragment)))
				return PILUS_DROP_TRUNCATED;
			if (fragment.offset & bpf_htons(0xfff8))
				return PILUS_DROP_ICMP_UNRELATED;
			p->inner_protocol = fragment.next;
			offset += sizeof(fragment);
		}
	} else {
		if (offset + sizeof(ip4) > p->end ||
		    bpf_skb_load_bytes(skb, offset, &ip4, sizeof(ip4)))
			return PILUS_DROP_TRUNCATED;
		if (ip4.ihl < 5 || ip4.frag_off & bpf_htons(IP_OFFSET))
			return PILUS_DROP_ICMP_UNRELATED;
		addr_from_ipv4(&p->inner_source, ip4.saddr);
		addr_from_ipv4(&p->inner_destination, ip4.daddr);
		p->inner_protocol = ip4.protocol;
		offset += ip4.ihl * 4;
	}
	/* every error carries at least 8 bytes behind the header (RFC 792) */
	if (offset + sizeof(l4) > p->end ||
	    bpf_skb_load_bytes(skb, offset, &l4, sizeof(l4)))
		return PILUS_DROP_TRUNCATED;
	switch (p->inner_protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		p->inner_source_port = l4.ports[0];
		p->inner_destination_port = l4.ports[1];
		return 0;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		icmp_ports(&l4.icmp, p->inner_protocol, &p->inner_source_port,
			   &p->inner_destination_port);
		return 0;
	default:
		p->inner_source_port = 0;
		p->inner_destination_port = 0;
		return 0;
	}
}

/* The first bytes of every transport header that has ports. */
struct l4_ports {
	__be16 source;
	__be16 destination;
};

static __noinline int packet_parse_icmp(struct __sk_buff *skb, struct packet *p)
{
	struct icmp_header icmp;

	if ((p->protocol == IPPROTO_ICMPV6) != !!(p->flags & PACKET_IPV6))
		return PILUS_DROP_INVALID;
	if (p->l4 + sizeof(icmp) > p->end ||
	    bpf_skb_load_bytes(skb, p->l4, &icmp, sizeof(icmp)))
		return PILUS_DROP_TRUNCATED;
	p->icmp_type = icmp.type;
	p->icmp_code = icmp.code;
	icmp_ports(&icmp, p->protocol, &p->source_port, &p->destination_port);
	if (p->protocol == IPPROTO_ICMPV6 && icmp.type >= 130 &&
	    icmp.type <= 137)
		p->flags |= PACKET_ND;
	if (!icmp_is_error(p, icmp.type))
		return 0;
	p->flags |= PACKET_ICMP_ERROR;
	return packet_parse_inner(skb, p, p->l4 + sizeof(icmp));
}

static __always_inline int packet_parse_l4(struct __sk_buff *skb,
					   struct packet *p, __u32 l4)
{
	void *data_end = (void *)(long)skb->data_end;
	void *head = (void *)(long)skb->data + l4;
	struct tcphdr *tcp = head;
	struct l4_ports *ports = head;

	p->l4 = l4;
	switch (p->protocol) {
	case IPPROTO_TCP:
		if ((void *)(tcp + 1) > data_end || l4 + sizeof(*tcp) > p->end)
			return PILUS_DROP_TRUNCATED;
		if (tcp->doff < 5)
			return PILUS_DROP_INVALID;
		p->source_port = tcp->source;
		p->destination_port = tcp->dest;
		p->tcp = ((__u8 *)tcp)[13];
		return 0;
	case IPPROTO_UDP:
		if (head + sizeof(struct udphdr) > data_end ||
		    l4 + sizeof(struct udphdr) > p->end)
			return PILUS_DROP_TRUNCATED;
		p->source_port = ports->source;
		p->destination_port = ports->destination;
		return 0;
	case IPPROTO_SCTP:
		/* RFC 9260, section 3 */
		if (head + 12 > data_end || l4 + 12 > p->end)
			return PILUS_DROP_TRUNCATED;
		p->source_port = ports->source;
		p->destination_port = ports->destination;
		return 0;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return packet_parse_icmp(skb, p);
	default:
		p->source_port = 0;
		p->destination_port = 0;
		return 0;
	}
}

static __always_inline int packet_parse_ipv4(struct __sk_buff *skb,
					     struct packet *p)
{
	void *data_end = (void *)(long)skb->data_end;
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	__u32 header, total;
	__u16 fragment;

	if ((void *)(ip + 1) > data_end)
		return PILUS_DROP_TRUNCATED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	/* a segmented packet's tot_len may be 0 or its first segment's */
	if (skb->gso_size)
		total = skb->len - ETH_HLEN;
	if (ip->version != 4 || header < sizeof(*ip) || total < header)
		return PILUS_DROP_INVALID;
	p->end = ETH_HLEN + total;
	if (p->end > skb->len)
		return PILUS_DROP_TRUNCATED;

	addr_from_ipv4(&p->source, ip->saddr);
	addr_from_ipv4(&p->destination, ip->daddr);
	p->protocol = ip->protocol;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & (IP_OFFSET | IP_MORE)) {
		p->fragment = ip->id;
		if (fragment & IP_OFFSET) {
			if (p->protocol == IPPROTO_TCP &&
			    (fragment & IP_OFFSET) == 1)
				return PILUS_DROP_FRAGMENT_TINY;
			p->flags |= PACKET_LATER_FRAGMENT;
			p->l4 = ETH_HLEN + header;
			return 0;
		}
		p->flags |= PACKET_FIRST_FRAGMENT;
	}
	return packet_parse_l4(skb, p, ETH_HLEN + header);
}

static __noinline int packet_parse_ipv6(struct __sk_buff *skb, struct packet *p)
{
	void *data_end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = (void *)(long)skb->data + ETH_HLEN;
	__u32 l4 = ETH_HLEN + sizeof(*ip);
	int protocol;

	if ((void *)(ip + 1) > data_end)
		return PILUS_DROP_TRUNCATED;
	if (ip->version != 6)
		return PILUS_DROP_INVALID;
	p->end = skb->gso_size ? skb->len : l4 + bpf_ntohs(ip->payload_len);
	if (p->end > skb->len)
		return PILUS_DROP_TRUNCATED;

	addr_from_ipv6(&p->source, &ip->saddr);
	addr_from_ipv6(&p->destination, &ip->daddr);
	if (addr_is_mapped(&p->source) || addr_is_mapped(&p->destination))
		return PILUS_DROP_MAPPED_ADDRESS;
	p->flags = PACKET_IPV6;
	p->protocol = ip->nexthdr;
	if (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP ||
	    p->protocol == IPPROTO_ICMPV6)
		return packet_parse_l4(skb, p, l4);

	protocol = ipv6_extensions(skb, p->protocol, &l4, p);
	if (protocol < 0)
		return -protocol;
	if (l4 > p->end)
		return PILUS_DROP_EXTENSION;
	p->protocol = protocol;
	if (p->flags & PACKET_LATER_FRAGMENT) {
		p->l4 = l4;
		return 0;
	}
	if (l4 > ETH_HLEN + sizeof(*ip) + 512)
		return PILUS_DROP_EXTENSION;
	return packet_parse_l4(skb, p, l4);
}

static __always_inline int packet_parse_linear(struct __sk_buff *skb,
					       struct packet *p)
{
	p->flags = 0;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return packet_parse_ipv4(skb, p);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return packet_parse_ipv6(skb, p);
	return PILUS_DROP_NOT_IP;
}

/**
 * packet_parse() - read the headers into @p
 *
 * Returns 0, or the reason to drop the packet. What lies behind the packet's own
 * length does not count: its receiver never sees it. A first fragment must hold
 * its whole transport header (RFC 1858). Headers are nearly always linear where a
 * TCP segment's payload is not, and a pull costs more than all our look-ups: so
 * it is made only when a header is missing.
 */
static __always_inline int packet_parse(struct __sk_buff *skb, struct packet *p)
{
	int reason = packet_parse_linear(skb, p);

	if (unlikely(reason == PILUS_DROP_TRUNCATED) &&
	    skb->data_end - skb->data < min(skb->len, PULL_BYTES) &&
	    !bpf_skb_pull_data(skb, min(skb->len, PULL_BYTES)))
		reason = packet_parse_linear(skb, p);
	if (unlikely(p->flags &
		     (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))) {
		if (reason == PILUS_DROP_TRUNCATED)
			return PILUS_DROP_FRAGMENT_TINY;
		/* it would be cut again where its own length ends */
		if (!reason && skb->gso_size)
			return PILUS_DROP_INVALID;
	}
	return reason;
}

/* The port by which rules know the packet, in host order. */
static __always_inline __u16 packet_policy_port(const struct packet *p,
						bool as_reply)
{
	__u8 type = p->icmp_type;

	switch (p->protocol) {
	case IPPROTO_ICMP:
		if (as_reply && type == ICMP_ECHO_REPLY)
			type = ICMP_ECHO_REQUEST;
		return type << 8 | p->icmp_code;
	case IPPROTO_ICMPV6:
		if (as_reply && type == ICMPV6_ECHO_SECOND)
			type = ICMPV6_ECHO_FIRST;
		return type << 8 | p->icmp_code;
	default:
		return bpf_ntohs(as_reply ? p->source_port
					  : p->destination_port);
	}
}

#endif /* PILUS_LIB_PACKET_H */
