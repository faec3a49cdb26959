/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */

/* What this node's own stack sends to pods: ingress of pilus_net. */
SEC("tc")
int from_host(struct __sk_buff *skb)
{
	const struct pilus_destination *from, *to;
	const struct pilus_range *range = NULL;
	struct packet *p = packet_get();
	__u32 vni = PILUS_ID_WORLD;
	int verdict;

	if (!p)
		return TC_ACT_SHOT;
	packet_clear(p);
	verdict = packet_parse(skb, p);
	if (!verdict && (p->flags & PACKET_ND ||
			 addr_is_local_scope(&p->destination, p->flags)))
		verdict = PILUS_DROP_LINK_LOCAL;
	if (!verdict &&
	    p->flags & (PACKET_FIRST_FRAGMENT | PACKET_LATER_FRAGMENT))
		verdict = fragment_follow(p, skb->ifindex);
	if (verdict)
		return drop(skb, verdict, PILUS_INGRESS);

	/* it is the node that speaks only when it speaks as itself */
	from = destination_find(&p->source);
	if (!from)
		range = range_find(&p->source);
	party_of(from, range, &p->source_identity, &p->source_managed);
	if (from && from->flags & PILUS_DST_LOCAL)
		return drop(skb, PILUS_DROP_SPOOFED_SOURCE, PILUS_INGRESS);
	if (from && from->flags & PILUS_DST_THIS_NODE)
		vni = PILUS_ID_REMOTE_NODE;

	to = destination_find(&p->destination);
	if (to && to->flags & PILUS_DST_LOCAL)
		return deliver(skb, p, to);
	if (to && !(to->flags & PILUS_DST_THIS_NODE))
		return forward_to_node(skb, p, &to->node, to->mac, vni);
	range = range_find(&p->destination);
	if (range && range->flags & PILUS_RANGE_BLOCK &&
	    !(range->flags & PILUS_RANGE_THIS_NODE))
		return forward_to_node(skb, p, &range->node, range->mac, vni);
	return drop(skb, PILUS_DROP_NO_ENDPOINT, PILUS_INGRESS);
}
