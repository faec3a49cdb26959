/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_VERDICT_H
#define PILUS_VERDICT_H

/*
 * Why a packet was forwarded or dropped. The numbers are ABI: map keys, metric
 * labels, events and io.pilus.node.datapath.Verdict. Append, never renumber.
 */
enum pilus_verdict {
	PILUS_ALLOW_POLICY = 0, /* an allow rule matched */
	PILUS_ALLOW_DEFAULT = 1, /* no policy isolates the subject */
	PILUS_ALLOW_NODE = 2, /* a node and its own pods */
	PILUS_ALLOW_SELF = 3, /* reserved: a pod and its own address */
	PILUS_ALLOW_ESTABLISHED = 4, /* an open connection; never told */
	PILUS_ALLOW_RELATED = 5, /* an ICMP error about an open connection */

	PILUS_DROP_FIRST = 16,
	PILUS_DROP_POLICY = 16, /* isolated, and no rule allows it */
	PILUS_DROP_POLICY_DENY = 17, /* a deny rule matched */
	PILUS_DROP_UNRESOLVED = 18, /* the peer's identity is not known yet */
	PILUS_DROP_NO_TABLE = 19, /* the endpoint's policy is not here yet */
	PILUS_DROP_SPOOFED_SOURCE = 20, /* not an address of the sender */
	PILUS_DROP_SPOOFED_MAC = 21, /* not the sender's link address */
	PILUS_DROP_MAPPED_ADDRESS = 22, /* ::ffff:0:0/96 inside IPv6 */
	PILUS_DROP_TRUNCATED = 23, /* the headers do not fit the packet */
	PILUS_DROP_INVALID = 24, /* headers that contradict themselves */
	PILUS_DROP_NOT_IP = 25, /* neither IPv4 nor IPv6 nor what they need */
	PILUS_DROP_LINK_LOCAL = 26, /* link-local, multicast, DHCP, RA, ... */
	PILUS_DROP_FRAGMENT_UNKNOWN = 27, /* its first fragment was not seen */
	PILUS_DROP_FRAGMENT_TINY = 28, /* splits the transport header */
	PILUS_DROP_ICMP_UNRELATED = 29, /* an error about no known connection */
	PILUS_DROP_TUNNEL_PORT = 30, /* a pod speaks to the tunnel port */
	PILUS_DROP_TUNNEL_NODE = 31, /* tunnelled from no known node */
	PILUS_DROP_TUNNEL_IDENTITY = 32, /* a VNI that a node may not send */
	PILUS_DROP_TUNNEL_SOURCE = 33, /* an inner source it may not send */
	PILUS_DROP_NODE_SOURCE = 34, /* from outside with this node's address */
	PILUS_DROP_POOL_SOURCE = 35, /* a pool's address, not by the tunnel */
	PILUS_DROP_NO_ENDPOINT = 36, /* inside a pool, and nobody holds it */
	PILUS_DROP_TOO_BIG = 37, /* answered with an ICMP error */
	PILUS_DROP_RATE = 38, /* no longer given */
	PILUS_DROP_ENCAPSULATION = 39, /* the kernel refused the tunnel key */
	PILUS_DROP_EXTENSION = 40, /* IPv6 extension headers not understood */
	PILUS_DROP_NO_INTERFACE = 41, /* the interface is not an endpoint's */
	PILUS_VERDICT_MAX,
};

#define pilus_is_drop(verdict) ((verdict) >= PILUS_DROP_FIRST)

#endif /* PILUS_VERDICT_H */
