/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/*
 * What other nodes send through the tunnel: ingress of the VXLAN device, or of
 * the uplink where vxlan_pop_ipv4() was before it.
 */

/* Who sent it: 0, or the reason to drop. The VNI counts only for a source that
 * this node does not know. */
static __always_inline int overlay_sender(struct packet *p, __u32 vni,
					  const struct pilus_destination *node)
{
	const struct pilus_destination *from = destination_find(&p->source);
	const struct pilus_range *range;

	if (from) {
		if (from->flags & (PILUS_DST_LOCAL | PILUS_DST_THIS_NODE))
			return PILUS_DROP_TUNNEL_SOURCE;
		/* a node speaks for itself alone */
		if (from->flags & PILUS_DST_NODE &&
		    !addr_equal(&from->node, &node->node))
			return PILUS_DROP_TUNNEL_SOURCE;
		if (vni < PILUS_ID_FIRST && vni != PILUS_ID_WORLD &&
		    !(vni == PILUS_ID_REMOTE_NODE &&
		      from->flags & PILUS_DST_NODE))
			return PILUS_DROP_TUNNEL_IDENTITY;
		p->source_identity = from->identity;
		p->source_managed = true;
		return 0;
	}
	range = range_find(&p->source);
	if (range && range->flags & PILUS_RANGE_THIS_NODE)
		return PILUS_DROP_TUNNEL_SOURCE;
	if (vni == PILUS_ID_WORLD) {
		party_of(NULL, range, &p->source_identity, &p->source_managed);
		return 0;
	}
	if (vni < PILUS_ID_FIRST)
		return PILUS_DROP_TUNNEL_IDENTITY;
	if (!range)
		return PILUS_DROP_TUNNEL_SOURCE;
	p->source_identity = vni;
	p->source_managed = true;
	return 0;
}

/**
 * overlay_receive() - judge and deliver what came through the tunnel
 * @skb:	the packet, out of its outer headers
 * @outer:	the address underneath that it came from
 * @vni:	the identity that it says
 */
static __noinline int overlay_receive(struct __sk_buff *skb,
				      const struct pilus_addr *outer, __u32 vni)
{
	const struct pilus_destination *node, *to;
	struct packet *p = packet_get();
	int verdict;

	if (!p)
		return TC_ACT_SHOT;
	packet_clear(p);
	verdict = packet_parse(skb, p);
	if (verdict)
		return drop(skb, verdict, PILUS_INGRESS);
	node = destination_find(outer);
	if (!node || !(node->flags & PILUS_DST_NODE))
		return drop(skb, PILUS_DROP_TUNNEL_NODE, PILUS_INGRESS);
	verdict = overlay_sender(p, vni, node);
	if (!verdict && (p->flags & PACKET_ND ||
			 addr_is_local_scope(&p->destination, p->flags) ||
			 addr_is_local_scope(&p->source, p->flags)))
		verdict = PILUS_DROP_LINK_LOCAL;
	if (!verdict &&
	    p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		verdict = fragment_follow(p, 0);
	if (verdict)
		return drop(skb, verdict, PILUS_INGRESS);

	to = destination_find(&p->destination);
	if (to && to->flags & PILUS_DST_LOCAL)
		return deliver(skb, p, to);
	if (to && to->flags & PILUS_DST_THIS_NODE)
		return forward_to_host(skb);
	return drop(skb, PILUS_DROP_NO_ENDPOINT, PILUS_INGRESS);
}

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct packet *p = packet_get();
	struct bpf_tunnel_key key = {};
	struct pilus_addr outer;

	/* asked for IPv4 it says what the tunnel is; IPv6 must be asked for */
	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0)) {
		addr_from_ipv4(&outer, bpf_htonl(key.remote_ipv4));
	} else if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key),
					   BPF_F_TUNINFO_IPV6)) {
		__builtin_memcpy(&outer, key.remote_ipv6, sizeof(outer));
	} else {
		if (p)
			packet_clear(p);
		return drop(skb, PILUS_DROP_TUNNEL_NODE, PILUS_INGRESS);
	}
	return overlay_receive(skb, &outer, key.tunnel_id);
}
