// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A packet of a test run was in no tunnel. This says that it was, as the test
 * put it into the control block (VNI and family, address), and runs another program.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IPV6 (1U << 31)

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("tc")
int tunnelled(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = { .tunnel_id = skb->cb[0] & ~IPV6 };
	__u64 flags = 0;

	if (skb->cb[0] & IPV6) {
		flags = BPF_F_TUNINFO_IPV6;
		key.local_ipv6[0] = skb->cb[1];
		key.local_ipv6[1] = skb->cb[2];
		key.local_ipv6[2] = skb->cb[3];
		key.local_ipv6[3] = skb->cb[4];
	} else {
		key.local_ipv4 = bpf_ntohl(skb->cb[4]);
	}
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags))
		return TC_ACT_UNSPEC;
	bpf_tail_call(skb, &next, 0);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
