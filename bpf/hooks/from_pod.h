/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/* What a pod sends: ingress of the host's end of its interface. */

/* Addresses of the sender, and nothing that an endpoint may not say. */
static __always_inline int from_pod_check(struct packet *p,
					  const struct pilus_endpoint *sender)
{
	/* what every Linux says when its interface comes up is no forgery */
	if (p->flags & PACKET_ND ||
	    addr_is_local_scope(&p->destination, p->flags))
		return PILUS_DROP_LINK_LOCAL;
	if (p->flags & PACKET_IPV6) {
		if (addr_is_zero(&sender->ipv6) ||
		    !addr_equal(&p->source, &sender->ipv6))
			return PILUS_DROP_SPOOFED_SOURCE;
	} else if (!addr_equal(&p->source, &sender->ipv4)) {
		return PILUS_DROP_SPOOFED_SOURCE;
	}
	if (p->flags & PACKET_ICMP_ERROR &&
	    !addr_equal(&p->inner_destination, &p->source))
		return PILUS_DROP_ICMP_UNRELATED;
	return 0;
}

static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	return *(__u32 *)a == *(__u32 *)b &&
	       *(__u16 *)(a + 4) == *(__u16 *)(b + 4);
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	const struct pilus_destination *to;
	const struct pilus_endpoint *sender;
	const struct pilus_range *range = NULL;
	struct packet *p = packet_get();
	__u32 ifindex = skb->ifindex;
	struct ethhdr *eth;
	int verdict;

	if (!p)
		return TC_ACT_SHOT;
	packet_clear(p);
	sender = bpf_map_lookup_elem(&endpoints_v1, &ifindex);
	if (!sender)
		return drop(skb, PILUS_DROP_NO_INTERFACE, PILUS_EGRESS);
	p->source_identity = sender->identity;
	p->source_slot = sender->slot;
	p->source_endpoint = sender->number;
	p->source_managed = true;

	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, PILUS_DROP_TRUNCATED, PILUS_EGRESS);
	if (!mac_equal(eth->h_source, sender->mac))
		return drop(skb, PILUS_DROP_SPOOFED_MAC, PILUS_EGRESS);
	/* the kernel has taken the tag out; our redirects would put it back */
	if (skb->vlan_present)
		return drop(skb, PILUS_DROP_NOT_IP, PILUS_EGRESS);
	if (skb->protocol == bpf_htons(ETH_P_ARP)) {
		verdict = neighbour_arp(skb, sender);
		if (!verdict)
			return bpf_redirect(ifindex, 0);
		return drop(skb, verdict, PILUS_EGRESS);
	}
	verdict = packet_parse(skb, p);
	if (!verdict && p->flags & PACKET_ND &&
	    p->icmp_type == ND_SOLICITATION && !addr_is_zero(&sender->ipv6)) {
		verdict = neighbour_solicit(skb, sender);
		if (!verdict)
			return bpf_redirect(ifindex, 0);
	}
	if (!verdict)
		verdict = from_pod_check(p, sender);
	if (!verdict &&
	    p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		verdict = fragment_follow(p, ifindex);
	if (verdict)
		return drop(skb, verdict, PILUS_EGRESS);
	if (!sender->slot)
		return drop(skb, PILUS_DROP_NO_TABLE, PILUS_EGRESS);

	to = destination_find(&p->destination);
	if (to && to->flags & PILUS_DST_LOCAL) {
		packet_set_receiver(p, to);
		if (!to->slot)
			return drop(skb, PILUS_DROP_NO_TABLE, PILUS_INGRESS);
		verdict = ct_verdict(skb, p);
		if (pilus_is_drop(verdict))
			return TC_ACT_SHOT;
		return forward_to_pod(skb, to);
	}

	if (!to)
		range = range_find(&p->destination);
	party_of(to, range, &p->destination_identity, &p->destination_managed);
	if (to && p->protocol == IPPROTO_UDP &&
	    p->destination_port == bpf_htons(pilus_config.tunnel_port) &&
	    to->flags & (PILUS_DST_NODE | PILUS_DST_THIS_NODE))
		return drop(skb, PILUS_DROP_TUNNEL_PORT, PILUS_EGRESS);
	verdict = ct_verdict(skb, p);
	if (pilus_is_drop(verdict))
		return TC_ACT_SHOT;
	if (to && to->flags & PILUS_DST_THIS_NODE)
		return forward_to_host(skb);
	if (to)
		return forward_to_node(skb, p, &to->node, to->mac,
				       sender->identity);
	if (!range)
		return forward_to_world(skb, p);
	if (range->flags & PILUS_RANGE_BLOCK &&
	    !(range->flags & PILUS_RANGE_THIS_NODE))
		return forward_to_node(skb, p, &range->node, range->mac,
				       sender->identity);
	return drop(skb, PILUS_DROP_NO_ENDPOINT, PILUS_EGRESS);
}
