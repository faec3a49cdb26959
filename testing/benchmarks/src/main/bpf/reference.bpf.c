// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The reference datapaths that Pilus is measured beside. They do the least that
 * their name says, so they are faster than anything of use with the same
 * structure.
 *
 *   forward_in    deliver to the pod that has the address: bpf_redirect_peer
 *   forward_out   send to the other node: bpf_redirect_neigh
 *   lpm_in,       the same behind the look-ups of a policy engine that keeps
 *   lpm_out       identities and policy in LPM tries and asks them for each
 *                 packet: LRU conntrack, address trie, policy trie twice
 *
 * All attach to TCX ingress: of the pod's host side, and of the node's uplink.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "reference.h"

#define CONNECTIONS 131072
#define PODS 65536
#define RULES 16384

#define IDENTITY_WORLD 2

/* Set before loading: the interface that forward_out and lpm_out send to. */
const volatile __u32 uplink = 0;

struct packet {
	struct address source;
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 zero[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct pod);
} pods_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, struct pod);
} pods_v6 SEC(".maps");

struct connection {
	__u64 packets;
	__u64 seen;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTIONS);
	__type(key, struct packet);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, PODS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address_key);
	__type(value, __u32);
} identities SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, RULES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_key);
	__type(value, __u64);
} policy SEC(".maps");

static __always_inline int deliver(struct __sk_buff *ctx, const struct pod *pod)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if (!pod || (void *)(eth + 1) > end)
		return TC_ACT_UNSPEC;
	__builtin_memcpy(eth->h_source, pod->source, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, pod->destination, ETH_ALEN);
	return bpf_redirect_peer(pod->ifindex, 0);
}

static __always_inline int to_pod(struct __sk_buff *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return TC_ACT_UNSPEC;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);
		__be32 to;

		if ((void *)(ip + 1) > end)
			return TC_ACT_UNSPEC;
		to = ip->daddr;
		return deliver(ctx, bpf_map_lookup_elem(&pods_v4, &to));
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);
		struct address to;

		if ((void *)(ip + 1) > end)
			return TC_ACT_UNSPEC;
		__builtin_memcpy(&to, &ip->daddr, sizeof(to));
		return deliver(ctx, bpf_map_lookup_elem(&pods_v6, &to));
	}
	return TC_ACT_UNSPEC;
}

static __always_inline int to_node(struct __sk_buff *ctx)
{
	if (ctx->protocol != bpf_htons(ETH_P_IP) &&
	    ctx->protocol != bpf_htons(ETH_P_IPV6))
		return TC_ACT_UNSPEC;
	return bpf_redirect_neigh(uplink, NULL, 0, 0);
}

/* 0 when the packet is TCP or UDP. */
static __always_inline int parse(struct __sk_buff *ctx, struct packet *packet)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__be16 *ports;

	if ((void *)(eth + 1) > end)
		return -1;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		packet->source.word[3] = ip->saddr;
		packet->destination.word[3] = ip->daddr;
		packet->protocol = ip->protocol;
		ports = (void *)(ip + 1);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		__builtin_memcpy(&packet->source, &ip->saddr,
				 sizeof(packet->source));
		__builtin_memcpy(&packet->destination, &ip->daddr,
				 sizeof(packet->destination));
		packet->protocol = ip->nexthdr;
		ports = (void *)(ip + 1);
	} else {
		return -1;
	}
	if (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP)
		return -1;
	if ((void *)(ports + 2) > end)
		return -1;
	packet->source_port = ports[0];
	packet->destination_port = ports[1];
	return 0;
}

static __always_inline __u32 identity_of(const struct address *address)
{
	struct address_key key = { .prefixlen = 128, .address = *address };
	__u32 *identity = bpf_map_lookup_elem(&identities, &key);

	return identity ? *identity : IDENTITY_WORLD;
}

/* The rule for the identity and port, then the one for the port alone. */
static __always_inline int allowed(__u32 identity, const struct packet *packet,
				   int egress)
{
	struct policy_key exact = {
		.prefixlen = 64,
		.identity = identity,
		.egress = egress,
		.protocol = packet->protocol,
		.port = packet->destination_port,
	};
	struct policy_key any = exact;
	__u64 *rule, *wide;

	any.identity = 0;
	rule = bpf_map_lookup_elem(&policy, &exact);
	wide = bpf_map_lookup_elem(&policy, &any);
	if (!rule)
		rule = wide;
	if (!rule)
		return 0;
	__sync_fetch_and_add(rule, 1);
	return 1;
}

/* TC_ACT_OK: go on. What is neither TCP nor UDP is the host's. */
static __always_inline int judge(struct __sk_buff *ctx, int egress)
{
	struct connection fresh = { .packets = 1 }, *known;
	struct packet packet = {};
	__u32 peer;

	if (parse(ctx, &packet))
		return TC_ACT_UNSPEC;
	fresh.seen = bpf_ktime_get_coarse_ns();
	known = bpf_map_lookup_elem(&connections, &packet);
	if (known) {
		__sync_fetch_and_add(&known->packets, 1);
		known->seen = fresh.seen;
	}
	peer = identity_of(egress ? &packet.destination : &packet.source);
	if (!allowed(peer, &packet, egress))
		return TC_ACT_SHOT;
	if (!known)
		bpf_map_update_elem(&connections, &packet, &fresh, BPF_ANY);
	return TC_ACT_OK;
}

SEC("tc")
int forward_in(struct __sk_buff *ctx)
{
	return to_pod(ctx);
}

SEC("tc")
int forward_out(struct __sk_buff *ctx)
{
	return to_node(ctx);
}

SEC("tc")
int lpm_in(struct __sk_buff *ctx)
{
	int verdict = judge(ctx, 0);

	return verdict == TC_ACT_OK ? to_pod(ctx) : verdict;
}

SEC("tc")
int lpm_out(struct __sk_buff *ctx)
{
	int verdict = judge(ctx, 1);

	return verdict == TC_ACT_OK ? to_node(ctx) : verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
