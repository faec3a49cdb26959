/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_FORWARD_H
#define PILUS_LIB_FORWARD_H

/* The ways that a packet can leave us. Each returns a TC_ACT_*. */
#include "lib/conntrack.h"
#include "lib/endpoint.h"
#include "lib/toobig.h"
#include "lib/vxlan.h"

#define AF_INET 2
#define AF_INET6 10

/* The one place where a verdict becomes what the kernel does. */
static __noinline int drop(struct __sk_buff *skb, __u32 verdict,
			   __u32 direction)
{
	struct packet *p = packet_get();

	if (p)
		p->rule = 0;
	event_verdict(skb, verdict, direction, 0);
	return TC_ACT_SHOT;
}

static __always_inline bool set_macs(struct __sk_buff *skb,
				     const volatile __u8 *source,
				     const volatile __u8 *destination)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return false;
	mac_copy(eth->h_source, source);
	mac_copy(eth->h_dest, destination);
	return true;
}

/* Into a pod of this node. A mark would arrive in the pod. */
static __always_inline int forward_to_pod(struct __sk_buff *skb,
					  const struct pilus_destination *to)
{
	if (!set_macs(skb, pilus_config.host_mac, to->mac))
		return TC_ACT_SHOT;
	skb->mark = 0;
	return bpf_redirect_peer(to->ifindex, 0);
}

/* Up into this node's own stack: out of pilus_net, in by pilus_host. */
static __always_inline int forward_to_host(struct __sk_buff *skb)
{
	if (!set_macs(skb, pilus_config.host_mac, pilus_config.host_mac))
		return TC_ACT_SHOT;
	skb->mark = 0;
	return bpf_redirect(pilus_config.host_ifindex, 0);
}

/*
 * Inside VXLAN to another node, with the sender's identity as VNI. The kernel's
 * device does what ours cannot: IPv6 underneath, which wants a checksum, and
 * segments of other protocols than TCP and UDP.
 */
static __noinline int forward_tunnelled(struct __sk_buff *skb,
					const struct pilus_addr *node,
					const __u8 *mac, __u32 identity)
{
	struct bpf_tunnel_key key = {
		.tunnel_id = identity,
		.tunnel_ttl = 64,
	};
	__u64 flags = BPF_F_DONT_FRAGMENT;

	if (addr_is_mapped(node) &&
	    !vxlan_push_ipv4(skb, node, mac, identity)) {
		skb->mark = 0;
		return bpf_redirect_neigh(pilus_config.uplink_ifindex, NULL, 0,
					  0);
	}
	if (addr_is_mapped(node)) {
		key.remote_ipv4 = bpf_ntohl(node->word[3]);
		flags |= BPF_F_ZERO_CSUM_TX;
	} else {
		__builtin_memcpy(key.remote_ipv6, node, sizeof(*node));
		flags |= BPF_F_TUNINFO_IPV6;
	}
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags))
		return drop(skb, PILUS_DROP_ENCAPSULATION, PILUS_EGRESS);
	/* a frame that bears the receiver's own address is ignored */
	if (!set_macs(skb, pilus_config.overlay_mac, mac))
		return TC_ACT_SHOT;
	skb->mark = 0;
	return bpf_redirect(pilus_config.overlay_ifindex, 0);
}

/* Out of the uplink as it is: to the next hop @node, or where routes say. */
static __noinline int forward_natively(struct __sk_buff *skb,
				       const struct pilus_addr *node)
{
	struct bpf_redir_neigh hop = {};

	skb->mark = 0;
	if (!node || !(pilus_config.flags & PILUS_CONFIG_DIRECT) ||
	    addr_is_zero(node))
		return bpf_redirect_neigh(pilus_config.uplink_ifindex, NULL, 0,
					  0);
	if (addr_is_mapped(node)) {
		hop.nh_family = AF_INET;
		hop.ipv4_nh = node->word[3];
	} else {
		hop.nh_family = AF_INET6;
		__builtin_memcpy(hop.ipv6_nh, node, sizeof(*node));
	}
	return bpf_redirect_neigh(pilus_config.uplink_ifindex, &hop,
				  sizeof(hop), 0);
}

/**
 * forward_to_node() - to another node, for a pod or the node itself there
 * @node:	its address underneath
 * @mac:	of its tunnel device
 * @identity:	the sender's
 */
static __always_inline int forward_to_node(struct __sk_buff *skb,
					   struct packet *p,
					   const struct pilus_addr *node,
					   const __u8 *mac, __u32 identity)
{
	__u32 mtu = forward_is_tunnelled() ? pilus_config.pod_mtu
					   : pilus_config.underlay_mtu;

	if (packet_ip_length(skb, p) > mtu) {
		drop(skb, PILUS_DROP_TOO_BIG, PILUS_EGRESS);
		return toobig_answer(skb, p, mtu);
	}
	if (forward_is_tunnelled())
		return forward_tunnelled(skb, node, mac, identity);
	return forward_natively(skb, node);
}

/* To an address that is neither a pod's nor a node's. */
static __always_inline int forward_to_world(struct __sk_buff *skb,
					    struct packet *p)
{
	if (packet_ip_length(skb, p) > pilus_config.underlay_mtu) {
		drop(skb, PILUS_DROP_TOO_BIG, PILUS_EGRESS);
		return toobig_answer(skb, p, pilus_config.underlay_mtu);
	}
	return forward_natively(skb, NULL);
}

/* Who is at an address, for policy. Returns false where nobody can be. */
static __always_inline void party_of(const struct pilus_destination *found,
				     const struct pilus_range *range,
				     __u32 *identity, __u8 *managed)
{
	if (found) {
		*identity = found->identity;
		*managed = true;
		return;
	}
	/* inside a pool and not known: unresolved, never world */
	*identity = range ? PILUS_ID_UNKNOWN : PILUS_ID_WORLD;
	*managed = range != NULL;
}

/* The receiver is a pod of this node: fills in its side. */
static __always_inline void
packet_set_receiver(struct packet *p, const struct pilus_destination *to)
{
	p->destination_identity = to->identity;
	p->destination_slot = to->slot;
	p->destination_endpoint = to->endpoint;
	p->destination_managed = true;
}

/* Whatever is told of a packet before it was parsed must not be of another. */
static __always_inline void packet_clear(struct packet *p)
{
	__builtin_memset(&p->source, 0, sizeof(p->source));
	__builtin_memset(&p->destination, 0, sizeof(p->destination));
	p->source_port = 0;
	p->destination_port = 0;
	p->protocol = 0;
	p->tcp = 0;
	p->icmp_type = 0;
	p->icmp_code = 0;
	p->source_identity = 0;
	p->destination_identity = 0;
	p->source_slot = 0;
	p->destination_slot = 0;
	p->source_endpoint = 0;
	p->destination_endpoint = 0;
	p->source_managed = 0;
	p->destination_managed = 0;
	p->rule = 0;
}

/**
 * deliver() - judge and deliver to a pod of this node
 *
 * The sender's side has been filled in, and has no slot here.
 */
static __always_inline int deliver(struct __sk_buff *skb, struct packet *p,
				   const struct pilus_destination *to)
{
	int verdict;

	packet_set_receiver(p, to);
	if (!to->slot)
		return drop(skb, PILUS_DROP_NO_TABLE, PILUS_INGRESS);
	verdict = ct_verdict(skb, p);
	if (pilus_is_drop(verdict))
		return TC_ACT_SHOT;
	return forward_to_pod(skb, to);
}

#endif /* PILUS_LIB_FORWARD_H */
