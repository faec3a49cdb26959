/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/*
 * What arrives from the network: ingress of the uplink. The node's own traffic
 * passes untouched; what is for a pod is judged by its source address.
 */

/* Pods' addresses may come natively only where that is how they travel. */
static __always_inline int netdev_sender(struct packet *p, bool pool_source)
{
	if (pool_source && forward_is_tunnelled())
		return PILUS_DROP_POOL_SOURCE;
	if (p->flags & PACKET_ND || addr_is_local_scope(&p->source, p->flags))
		return PILUS_DROP_LINK_LOCAL;
	return 0;
}

SEC("tc")
int from_netdev(struct __sk_buff *skb)
{
	const struct pilus_destination *from, *to;
	const struct pilus_range *range = NULL;
	struct packet *p = packet_get();
	struct pilus_addr outer;
	bool pool_source;
	int verdict;
	__u32 vni;

	/* what bears a tag is for a VLAN's own device */
	if (!p || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (forward_is_tunnelled() && vxlan_pop_ipv4(skb, &outer, &vni))
		return overlay_receive(skb, &outer, vni);
	if (skb->protocol != bpf_htons(ETH_P_IP) &&
	    skb->protocol != bpf_htons(ETH_P_IPV6))
		return TC_ACT_UNSPEC;
	packet_clear(p);
	verdict = packet_parse(skb, p);
	if (verdict && verdict != PILUS_DROP_MAPPED_ADDRESS) {
		/* no pod ever sees it: the node's own stack may judge it */
		return TC_ACT_UNSPEC;
	}
	if (verdict)
		return drop(skb, verdict, PILUS_INGRESS);

	from = destination_find(&p->source);
	if (from && from->flags & PILUS_DST_THIS_NODE)
		return drop(skb, PILUS_DROP_NODE_SOURCE, PILUS_INGRESS);
	if (from && from->flags & PILUS_DST_LOCAL)
		return drop(skb, PILUS_DROP_NODE_SOURCE, PILUS_INGRESS);
	to = destination_find(&p->destination);
	if (!to || !(to->flags & (PILUS_DST_LOCAL | PILUS_DST_THIS_NODE)))
		return TC_ACT_UNSPEC;
	if (!from)
		range = range_find(&p->source);
	party_of(from, range, &p->source_identity, &p->source_managed);
	pool_source = range || (from && from->flags & PILUS_DST_REMOTE);
	if (to->flags & PILUS_DST_THIS_NODE && !pool_source)
		return TC_ACT_UNSPEC;

	verdict = netdev_sender(p, pool_source);
	if (!verdict &&
	    p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		verdict = fragment_follow(p, 0);
	if (verdict)
		return drop(skb, verdict, PILUS_INGRESS);
	if (to->flags & PILUS_DST_THIS_NODE)
		return forward_to_host(skb);
	return deliver(skb, p, to);
}
