/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_EVENT_H
#define PILUS_LIB_EVENT_H

/* Every verdict is counted exactly; events tell people about a few of them. */
#include "lib/packet.h"

#define SECOND 1000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pilus_counter_key);
	__type(value, struct pilus_counter);
} verdicts_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct pilus_counter);
} verdicts_rest_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events_v1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct pilus_event_key);
	__type(value, struct pilus_event_gate);
} event_gates_v2 SEC(".maps");

/* Tokens in ns of the rate that refills them (a virtual clock per endpoint). */
struct budget {
	__u64 clock;
	__u64 refused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* number of the endpoint */
	__type(value, struct budget);
} event_budgets_v1 SEC(".maps");

/* Events that had to wait for the agent's next look: 0 over budget, 1 ring full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} events_lost_v1 SEC(".maps");

/**
 * budget_take() - take one of @rate tokens a second from @account
 *
 * Up to a second's tokens are saved. Two CPUs may both take the last token:
 * the bound is a rate, not a count.
 */
static __always_inline bool budget_take(void *map, __u32 account, __u32 rate)
{
	struct budget fresh = {}, *budget;
	__u64 now, cost;

	if (!rate)
		return true;
	now = bpf_ktime_get_coarse_ns();
	cost = SECOND / rate;
	budget = bpf_map_lookup_elem(map, &account);
	if (!budget) {
		fresh.clock = now - SECOND + cost;
		bpf_map_update_elem(map, &account, &fresh, BPF_ANY);
		return true;
	}
	if (budget->clock + SECOND < now)
		budget->clock = now - SECOND;
	if (budget->clock + cost > now) {
		__sync_fetch_and_add(&budget->refused, 1);
		return false;
	}
	__sync_fetch_and_add(&budget->clock, cost);
	return true;
}

static __noinline void event_lost(__u32 why)
{
	__u64 *lost = bpf_map_lookup_elem(&events_lost_v1, &why);

	if (lost)
		__sync_fetch_and_add(lost, 1);
}

static __noinline void event_count(struct __sk_buff *skb, __u32 endpoint,
				   __u32 rule, __u32 verdict, __u32 direction)
{
	struct pilus_counter_key key = {
		.endpoint = endpoint,
		.rule = rule,
		.verdict = verdict,
		.direction = direction,
	};
	__u32 rest = PILUS_REST_INDEX(verdict & 63, direction & 3);
	struct pilus_counter fresh = { .packets = 1, .bytes = skb->len };
	struct pilus_counter *counter;

	counter = bpf_map_lookup_elem(&verdicts_v1, &key);
	if (!counter) {
		if (!bpf_map_update_elem(&verdicts_v1, &key, &fresh, BPF_ANY))
			return;
		counter = bpf_map_lookup_elem(&verdicts_rest_v1, &rest);
		if (!counter)
			return; /* it is an array: cannot be */
	}
	counter->packets++;
	counter->bytes += skb->len;
}

/*
 * Returns whether it could be told. Who sends pays for it, if it is of this
 * node: else a pod's flood against a neighbour would use up the neighbour's.
 */
static __noinline bool event_send(struct packet *p, struct pilus_event_key *key,
				  __u32 identity, __u32 packets)
{
	__u32 payer = p->source_endpoint ?: key->endpoint;
	struct pilus_event *event;

	if (!budget_take(&event_budgets_v1, payer, pilus_config.event_rate)) {
		event_lost(0);
		return false;
	}
	event = bpf_ringbuf_reserve(&events_v1, sizeof(*event), 0);
	if (!event) {
		event_lost(1);
		return false;
	}
	event->time = bpf_ktime_get_ns();
	event->source = p->source;
	event->destination = p->destination;
	event->source_port = bpf_ntohs(p->source_port);
	event->destination_port = key->port;
	event->protocol = p->protocol;
	event->verdict = key->verdict;
	event->direction = key->direction;
	event->flags = key->flags;
	event->endpoint = key->endpoint;
	event->peer = identity;
	event->rule = key->rule;
	event->packets = packets;
	bpf_ringbuf_submit(event, 0);
	return true;
}

/* The first of its kind, or the first for long. */
static __noinline void event_open(struct packet *p, struct pilus_event_key *key,
				  bool subject_sends, __u32 identity)
{
	struct pilus_event_gate fresh = {
		.last = bpf_ktime_get_coarse_ns(),
		.subject = subject_sends ? p->source : p->destination,
		.identity = identity,
		.source_port = bpf_ntohs(p->source_port),
	};

	fresh.pending = !event_send(p, key, identity, 1);
	bpf_map_update_elem(&event_gates_v2, key, &fresh, BPF_ANY);
}

/**
 * event_verdict() - count a verdict, and tell about it when it is news
 * @skb:	the packet; the parsed one is in the scratch map
 * @verdict:	enum pilus_verdict
 * @direction:	whose policy was asked: the opener's egress, the receiver's ingress
 * @as_reply:	the packet travels against the connection's opening
 *
 * A global function: it is verified once, not once a caller.
 */
int event_verdict(struct __sk_buff *skb, __u32 verdict, __u32 direction,
		  __u32 as_reply)
{
	bool subject_sends = (direction == PILUS_EGRESS) != !!as_reply;
	struct pilus_event_key key = {};
	struct pilus_event_gate *gate;
	struct packet *p = packet_get();
	__u64 now, packets;
	__u32 identity;

	if (!p)
		return 0;
	if (subject_sends) {
		key.endpoint = p->source_endpoint;
		key.peer = p->destination;
		identity = p->destination_identity;
	} else {
		key.endpoint = p->destination_endpoint;
		key.peer = p->source;
		identity = p->source_identity;
	}
	key.rule = p->rule;
	key.port = packet_policy_port(p, false);
	key.protocol = p->protocol;
	key.verdict = verdict;
	key.direction = direction;
	key.flags = as_reply ? PILUS_EVENT_REPLY : 0;
	event_count(skb, key.endpoint, key.rule, verdict, direction);

	gate = bpf_map_lookup_elem(&event_gates_v2, &key);
	if (!gate) {
		event_open(p, &key, subject_sends, identity);
		return 0;
	}
	__sync_fetch_and_add(&gate->pending, 1);
	now = bpf_ktime_get_coarse_ns();
	if (now - gate->last < SECOND)
		return 0;
	gate->last = now;
	packets = __sync_lock_test_and_set(&gate->pending, 0);
	/* another CPU may have told of them just now */
	if (packets && !event_send(p, &key, identity, packets))
		__sync_fetch_and_add(&gate->pending, packets);
	return 0;
}

#endif /* PILUS_LIB_EVENT_H */
