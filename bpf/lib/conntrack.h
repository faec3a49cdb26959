/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_CONNTRACK_H
#define PILUS_LIB_CONNTRACK_H

/*
 * Who opened each connection, and what was decided when it was opened. Both
 * directions share an entry. A packet, reply or not, is judged again in the
 * direction of the opening when a generation or an identity has changed.
 */
#include "lib/bucket.h"
#include "lib/policy.h"

struct connections {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_ct_key);
	__type(value, struct pilus_ct_entry);
} ct_current_v1 SEC(".maps");

/*
 * Slot 0: the table in use; slot 1: the smaller one that it replaces, while the
 * agent moves what is in there. So growth reloads no program and loses no
 * connection. What both have means what slot 0 says.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct connections);
} ct_v1 SEC(".maps") = {
	.values = { &ct_current_v1 },
};

/*
 * Where a new connection goes when the table is full, or its endpoint has used
 * up what it may take of the table. Those in the table are never displaced: new
 * ones displace each other here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct pilus_ct_key);
	__type(value, struct pilus_ct_entry);
} ct_overflow_v1 SEC(".maps");

enum ct_overflow_reason {
	CT_TABLE_FULL = 0,
	CT_OVER_BUDGET = 1,
	CT_OVERFLOW_REASONS,
};

/* Connections that went to the overflow table, by enum ct_overflow_reason. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CT_OVERFLOW_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} ct_overflowed_v2 SEC(".maps");

/* Lifetimes without a packet, in units of 2^30 ns. The agent's sweeper has the
 * same (io.pilus.node.flow). */
enum ct_lifetime {
	CT_TCP_ESTABLISHED = 21600,
	CT_UNREPLIED = 60,
	CT_REPLIED = 180,
	CT_CLOSING = 10,
};

#define CT_WORD(slot, verdict, rule)                                           \
	(((slot) & ~0xffffffffULL) | (__u64)(verdict) << 24 | (rule))
#define CT_GENERATION(word) ((__u32)((word) >> 32))
#define CT_VERDICT(word) ((__u8)((word) >> 24))

static __always_inline bool ct_source_is_high(const struct packet *p)
{
	int i;

	for (i = 3; i >= 0; i--)
		if (p->source.word[i] != p->destination.word[i])
			return p->source.word[i] > p->destination.word[i];
	return p->source_port > p->destination_port;
}

static __always_inline void ct_make_key(struct packet *p, bool source_is_high)
{
	struct pilus_ct_key *key = &p->key;

	if (source_is_high) {
		key->low = p->destination;
		key->high = p->source;
		key->low_port = p->destination_port;
		key->high_port = p->source_port;
	} else {
		key->low = p->source;
		key->high = p->destination;
		key->low_port = p->source_port;
		key->high_port = p->destination_port;
	}
	key->protocol = p->protocol;
	key->leg = 0;
	key->zero = 0;
}

static __always_inline __u32 ct_lifetime(const struct pilus_ct_entry *entry,
					 __u8 protocol)
{
	if (entry->flags & PILUS_CT_CLOSING)
		return CT_CLOSING;
	if (!(entry->flags & PILUS_CT_REPLIED))
		return CT_UNREPLIED;
	return protocol == IPPROTO_TCP ? CT_TCP_ESTABLISHED : CT_REPLIED;
}

static __always_inline bool ct_expired(const struct pilus_ct_entry *entry,
				       const struct packet *p, __u8 protocol)
{
	/* signed: another CPU may have seen a packet since now was read */
	return (__s32)(p->now - entry->seen) >
	       (__s32)ct_lifetime(entry, protocol);
}

static __always_inline bool ct_overflowed(__u32 why)
{
	__u64 *count = bpf_map_lookup_elem(&ct_overflowed_v2, &why);

	return count && *(volatile __u64 *)count;
}

/* Most nodes never need the overflow table, and save a look-up that misses. */
static __always_inline bool ct_has_overflowed(void)
{
	return ct_overflowed(CT_TABLE_FULL) || ct_overflowed(CT_OVER_BUDGET);
}

/* The main table missed: the one that it replaces, then the overflow. */
static __noinline struct pilus_ct_entry *
ct_find_elsewhere(const struct pilus_ct_key *key)
{
	struct pilus_ct_entry *entry;
	__u32 previous = 1;
	void *table;

	table = bpf_map_lookup_elem(&ct_v1, &previous);
	if (table) {
		entry = bpf_map_lookup_elem(table, key);
		if (entry)
			return entry;
	}
	if (!ct_has_overflowed())
		return NULL;
	return bpf_map_lookup_elem(&ct_overflow_v1, key);
}

static __always_inline struct pilus_ct_entry *
ct_find(const struct pilus_ct_key *key)
{
	struct pilus_ct_entry *entry;
	__u32 current = 0;
	void *table;

	table = bpf_map_lookup_elem(&ct_v1, &current);
	if (table) {
		entry = bpf_map_lookup_elem(table, key);
		if (entry)
			return entry;
	}
	return ct_find_elsewhere(key);
}

static __always_inline bool ct_put(__u32 slot, struct packet *p, __u64 flags)
{
	void *table = bpf_map_lookup_elem(&ct_v1, &slot);

	return table && !bpf_map_update_elem(table, &p->key, &p->entry, flags);
}

/* By numbers of endpoints, 0 for who is not of this node. */
static __noinline void ct_insert(struct packet *p, __u32 opener, __u32 receiver)
{
	__u32 why = CT_OVER_BUDGET;
	__u64 *overflowed;

	if (bucket_take(opener, receiver)) {
		if (ct_put(0, p, BPF_ANY))
			return;
		why = CT_TABLE_FULL;
	}
	/* an entry that is over would be found before the one aside */
	if (ct_put(0, p, BPF_EXIST) || ct_put(1, p, BPF_EXIST))
		return;
	overflowed = bpf_map_lookup_elem(&ct_overflowed_v2, &why);
	if (overflowed)
		__sync_fetch_and_add(overflowed, 1);
	bpf_map_update_elem(&ct_overflow_v1, &p->key, &p->entry, BPF_ANY);
}

static __always_inline void ct_forget_in(__u32 slot,
					 const struct pilus_ct_key *key)
{
	void *table = bpf_map_lookup_elem(&ct_v1, &slot);

	if (table)
		bpf_map_delete_elem(table, key);
}

/*
 * A reset connection is over at once; what may still come is judged anew. No
 * table may keep it: an older entry of the same ends would come to light again.
 */
static __noinline void ct_forget(const struct pilus_ct_key *key)
{
	ct_forget_in(0, key);
	ct_forget_in(1, key);
	if (ct_has_overflowed())
		bpf_map_delete_elem(&ct_overflow_v1, key);
}

/*
 * Packets and bytes of a direction, and what its TCP flags say. The counts are
 * not atomic: a direction is one CPU's at a time, but for threads that share a
 * socket, and an atomic addition costs as much as a look-up.
 */
static __always_inline void ct_touch(struct __sk_buff *skb, struct packet *p,
				     struct pilus_ct_entry *entry,
				     bool as_reply)
{
	__u32 flags = entry->flags;

	if (as_reply)
		flags |= PILUS_CT_REPLIED;
	if (p->tcp & TCP_FIN)
		flags |= PILUS_CT_CLOSING;
	if (flags != entry->flags)
		entry->flags = flags;
	if (entry->seen != p->now)
		entry->seen = p->now;
	entry->packets[as_reply]++;
	entry->bytes[as_reply] += skb->len;
}

static __always_inline bool ct_is_icmp(const struct packet *p)
{
	return p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6;
}

static __always_inline bool ct_is_echo_reply(const struct packet *p)
{
	return ct_is_icmp(p) && icmp_is_reply(p->protocol, p->icmp_type);
}

static __always_inline void ct_first_packet(struct __sk_buff *skb,
					    struct packet *p, bool as_reply)
{
	struct pilus_ct_entry *entry = &p->entry;

	entry->packets[0] = !as_reply;
	entry->packets[1] = as_reply;
	entry->bytes[0] = as_reply ? 0 : skb->len;
	entry->bytes[1] = as_reply ? skb->len : 0;
	entry->seen = p->now;
	if (p->tcp & TCP_FIN)
		entry->flags |= PILUS_CT_CLOSING;
}

/**
 * ct_judge() - judge every local side of a connection
 * @skb:	the packet; the parsed one is in the scratch map
 * @as_reply:	it travels against the opening
 *
 * Fills the scratch entry. Tells about the verdict that decides: a denial, or
 * each side's permission. Returns a verdict.
 */
int ct_judge(struct __sk_buff *skb, __u32 as_reply)
{
	struct packet *p = packet_get();
	__u32 opener_slot, receiver_slot;
	int verdict = PILUS_ALLOW_DEFAULT;
	__u64 slot;

	if (!p)
		return PILUS_DROP_NO_TABLE;
	p->entry.egress = 0;
	p->entry.ingress = 0;
	opener_slot = as_reply ? p->destination_slot : p->source_slot;
	receiver_slot = as_reply ? p->source_slot : p->destination_slot;
	p->entry.opener =
		as_reply ? p->destination_identity : p->source_identity;
	p->entry.receiver =
		as_reply ? p->source_identity : p->destination_identity;
	if (opener_slot) {
		slot = slot_word(opener_slot);
		verdict =
			policy_judge(skb, (__u32)slot, PILUS_EGRESS, as_reply);
		p->entry.egress = CT_WORD(slot, verdict, p->rule);
		if (pilus_is_drop(verdict))
			return verdict;
	}
	if (receiver_slot) {
		slot = slot_word(receiver_slot);
		verdict =
			policy_judge(skb, (__u32)slot, PILUS_INGRESS, as_reply);
		p->entry.ingress = CT_WORD(slot, verdict, p->rule);
	}
	return verdict;
}

static __always_inline bool ct_side_stands(__u64 word, __u32 slot)
{
	return !slot || (CT_GENERATION(word) == slot_word(slot) >> 32 && word &&
			 !pilus_is_drop(CT_VERDICT(word)));
}

/*
 * Tell about a judgement of the scratch packet: a denial by the side that made
 * it, a permission by each side.
 */
static __noinline void ct_tell(struct __sk_buff *skb, struct packet *p,
			       __u32 verdict, __u32 as_reply)
{
	if (p->entry.egress) {
		if (!pilus_is_drop(verdict) || !p->entry.ingress) {
			p->rule = p->entry.egress & 0xffffff;
			event_verdict(skb, CT_VERDICT(p->entry.egress),
				      PILUS_EGRESS, as_reply);
		}
	}
	if (p->entry.ingress) {
		p->rule = p->entry.ingress & 0xffffff;
		event_verdict(skb, CT_VERDICT(p->entry.ingress), PILUS_INGRESS,
			      as_reply);
	}
}

/**
 * ct_new() - the packet of a connection that has no entry
 * @skb:	the packet; the parsed one and its key are in the scratch map
 *
 * A TCP segment that does not open is judged as it travels and, failing that,
 * as a reply: neither overflow nor growth cuts what policy allows.
 */
int ct_new(struct __sk_buff *skb)
{
	struct packet *p = packet_get();
	__u32 as_reply = 0;
	bool source_is_high;
	int verdict;

	if (!p)
		return PILUS_DROP_NO_TABLE;
	verdict = ct_judge(skb, 0);
	if (pilus_is_drop(verdict) && p->protocol == IPPROTO_TCP &&
	    (p->tcp & (TCP_SYN | TCP_ACK)) != TCP_SYN) {
		if (!pilus_is_drop(ct_judge(skb, 1))) {
			as_reply = 1;
			verdict = PILUS_ALLOW_ESTABLISHED;
		} else {
			verdict = ct_judge(skb, 0);
		}
	}
	ct_tell(skb, p, verdict, as_reply);
	/* neither a reset nor an echo's answer begins a connection */
	if (pilus_is_drop(verdict) || p->tcp & TCP_RST || ct_is_echo_reply(p))
		return verdict;

	source_is_high = ct_source_is_high(p);
	p->entry.flags =
		source_is_high != as_reply ? PILUS_CT_OPENED_BY_HIGH : 0;
	if (as_reply)
		p->entry.flags |= PILUS_CT_REPLIED;
	ct_first_packet(skb, p, as_reply);
	if (as_reply)
		ct_insert(p, p->destination_endpoint, p->source_endpoint);
	else
		ct_insert(p, p->source_endpoint, p->destination_endpoint);
	return verdict;
}

/* An entry whose judgement no longer stands. Keeps the entry, with a denial in
 * it: who opened the connection must not be forgotten. */
int ct_rejudge(struct __sk_buff *skb, __u32 as_reply)
{
	struct packet *p = packet_get();
	struct pilus_ct_entry *entry;
	int verdict;

	if (!p)
		return PILUS_DROP_NO_TABLE;
	verdict = ct_judge(skb, as_reply);
	ct_tell(skb, p, verdict, as_reply);
	entry = ct_find(&p->key);
	if (!entry)
		return verdict;
	/* the identities last: until then others judge for themselves */
	*(volatile __u64 *)&entry->egress = p->entry.egress;
	*(volatile __u64 *)&entry->ingress = p->entry.ingress;
	*(volatile __u32 *)&entry->opener = p->entry.opener;
	*(volatile __u32 *)&entry->receiver = p->entry.receiver;
	return verdict;
}

/* An ICMP error is about a connection that is open, told to its other end. */
static __noinline int ct_related(struct packet *p)
{
	struct pilus_ct_entry *entry;
	struct pilus_ct_key *key = &p->key;
	bool high = false, decided = false;
	int i;

	if (!addr_equal(&p->inner_source, &p->destination))
		return PILUS_DROP_ICMP_UNRELATED;
	for (i = 3; i >= 0; i--)
		if (!decided &&
		    p->inner_source.word[i] != p->inner_destination.word[i]) {
			high = p->inner_source.word[i] >
			       p->inner_destination.word[i];
			decided = true;
		}
	if (!decided)
		high = p->inner_source_port > p->inner_destination_port;
	key->low = high ? p->inner_destination : p->inner_source;
	key->high = high ? p->inner_source : p->inner_destination;
	key->low_port = high ? p->inner_destination_port : p->inner_source_port;
	key->high_port =
		high ? p->inner_source_port : p->inner_destination_port;
	key->protocol = p->inner_protocol;
	key->leg = 0;
	key->zero = 0;
	entry = ct_find(key);
	if (!entry || ct_expired(entry, p, p->inner_protocol) ||
	    pilus_is_drop(CT_VERDICT(entry->egress)) ||
	    pilus_is_drop(CT_VERDICT(entry->ingress)))
		return PILUS_DROP_ICMP_UNRELATED;
	return PILUS_ALLOW_RELATED;
}

/**
 * ct_verdict() - decide a packet between two parties that are known
 * @skb:	the packet
 * @p:		parsed, with identities, slots and endpoints filled in
 *
 * The steady state is one look-up here, and a read of each local side's slot.
 */
static __always_inline int ct_verdict(struct __sk_buff *skb, struct packet *p)
{
	struct pilus_ct_entry *entry;
	__u32 opener_slot, receiver_slot;
	__u32 opener, receiver;
	bool high, as_reply;

	p->now = bpf_ktime_get_coarse_ns() >> 30;
	if (unlikely(p->flags & PACKET_ICMP_ERROR)) {
		int verdict = ct_related(p);

		p->rule = 0;
		event_verdict(
			skb, verdict,
			p->destination_slot ? PILUS_INGRESS : PILUS_EGRESS, 0);
		return verdict;
	}
	high = ct_source_is_high(p);
	ct_make_key(p, high);
	entry = ct_find(&p->key);
	if (unlikely(!entry || ct_expired(entry, p, p->protocol)))
		return ct_new(skb);

	as_reply = high != !!(entry->flags & PILUS_CT_OPENED_BY_HIGH);
	/*
	 * The ports are used again; or an entry that a segment without one has
	 * made, judged as a reply, is now to open a connection the other way.
	 */
	if (unlikely((p->tcp & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
		     (as_reply || entry->flags & PILUS_CT_CLOSING)))
		return ct_new(skb);
	/* both ends may ask each other with the same id: no leave to answer is a
	 * leave to ask */
	if (unlikely(ct_is_icmp(p) && as_reply != ct_is_echo_reply(p)))
		return ct_new(skb);
	/*
	 * A tunnelled packet told who its sender is before its endpoint was
	 * known here: then the answer is for the same. Nobody else is who had
	 * this connection: the address may have been given again.
	 */
	if (!p->destination_identity && as_reply && forward_is_tunnelled())
		p->destination_identity = entry->opener;
	opener = as_reply ? p->destination_identity : p->source_identity;
	receiver = as_reply ? p->source_identity : p->destination_identity;
	opener_slot = as_reply ? p->destination_slot : p->source_slot;
	receiver_slot = as_reply ? p->source_slot : p->destination_slot;
	if (unlikely(opener != entry->opener || receiver != entry->receiver ||
		     !ct_side_stands(entry->egress, opener_slot) ||
		     !ct_side_stands(entry->ingress, receiver_slot))) {
		int verdict = ct_rejudge(skb, as_reply);

		if (pilus_is_drop(verdict))
			return verdict;
	}
	if (unlikely(p->tcp & TCP_RST))
		ct_forget(&p->key);
	else
		ct_touch(skb, p, entry, as_reply);
	return PILUS_ALLOW_ESTABLISHED;
}

#endif /* PILUS_LIB_CONNTRACK_H */
