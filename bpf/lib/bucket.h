/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_LIB_BUCKET_H
#define PILUS_LIB_BUCKET_H

/*
 * How much of the connection table an endpoint may take: so many new entries a
 * second, and so many entries at a time. Charged is who opened the connection,
 * or the receiver, in an account of its own, where the opener is not of this
 * node. Only a new entry pays: two look-ups.
 *
 * Who has used up its budget is not refused: policy has allowed the connection,
 * and a drop would make an outage of a bound, mostly that of a server with many
 * clients. Its entry goes to the overflow table, where such entries displace
 * each other. A TCP connection that is displaced goes on: a segment without
 * entry is judged as it travels and, failing that, as a reply. What displaced
 * entries cost is the answers to datagrams that only the asking had allowed,
 * and the flood's own are displaced first.
 */
#include "lib/event.h"

/* By number of the endpoint << 1 | charged as receiver. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct budget);
} connection_budgets_v2 SEC(".maps");

/*
 * By number of the endpoint: entries in the main table that it has opened, and
 * << 32 those charged to it as receiver. Counted up here, and counted anew by
 * the agent's sweeper: what has ended since is held until then.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} connections_held_v1 SEC(".maps");

/* Whether a new entry of these, 0 for who is not of this node, is within budget. */
static __noinline bool bucket_take(__u32 opener, __u32 receiver)
{
	__u32 share = pilus_config.connection_share;
	bool as_receiver = !opener;
	__u32 endpoint = as_receiver ? receiver : opener;
	__u32 account = endpoint << 1 | as_receiver;
	struct budget *budget;
	__u64 *held;

	if (!endpoint)
		return true;
	held = bpf_map_lookup_elem(&connections_held_v1, &endpoint);
	if (!held)
		return true; /* numbers are below its size: cannot be */
	if (share && (__u32)(as_receiver ? *held >> 32 : *held) >= share) {
		budget = bpf_map_lookup_elem(&connection_budgets_v2, &account);
		if (budget)
			__sync_fetch_and_add(&budget->refused, 1);
		return false;
	}
	if (!budget_take(&connection_budgets_v2, account,
			 pilus_config.connection_rate))
		return false;
	__sync_fetch_and_add(held, as_receiver ? 1ULL << 32 : 1);
	return true;
}

#endif /* PILUS_LIB_BUCKET_H */
