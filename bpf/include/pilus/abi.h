/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef PILUS_ABI_H
#define PILUS_ABI_H

/*
 * Keys and values of the maps that the agent and the datapath share. Java reads
 * the same layouts: io.pilus.node.datapath, compared with this file's BTF by
 * AbiTest. Multi-byte fields are in host order unless they are called __be.
 * A changed layout is a new map with a new number behind its name.
 */
#include <linux/types.h>
#include "pilus/verdict.h"

/* An address; IPv4 is mapped into ::ffff:0:0/96. */
struct pilus_addr {
	__u32 word[4]; /* network order */
};

/* Identities below 256 mean the same on every node. */
enum pilus_identity {
	PILUS_ID_UNKNOWN = 0,
	PILUS_ID_HOST = 1,
	PILUS_ID_WORLD = 2,
	PILUS_ID_UNMANAGED = 3,
	PILUS_ID_HEALTH = 4,
	PILUS_ID_INIT = 5,
	PILUS_ID_REMOTE_NODE = 6,
	PILUS_ID_KUBE_APISERVER = 7,
	PILUS_ID_INGRESS = 8,
	PILUS_ID_FIRST = 256,
	PILUS_ID_LAST = 0xffffff,
};

enum pilus_direction {
	PILUS_INGRESS = 1,
	PILUS_EGRESS = 2,
};

/* endpoints_v1: the pods of this node, by the index of their host interface */
struct pilus_endpoint {
	struct pilus_addr ipv4; /* all zero: has none */
	struct pilus_addr ipv6;
	__u32 number; /* node-wide, small; names the endpoint in events */
	__u32 identity;
	__u32 slot; /* 0: fail closed */
	__u8 mac[6]; /* of the pod's interface */
	__u8 gateway_mac[6]; /* of the host's end */
	__u32 mtu; /* of the pod's interface */
};

enum pilus_destination_flags {
	PILUS_DST_LOCAL = 1, /* a pod of this node */
	PILUS_DST_REMOTE = 2, /* a pod of another node */
	PILUS_DST_NODE = 4, /* an address of another node */
	PILUS_DST_THIS_NODE = 8, /* an address of this node */
};

/* destinations_v1: every pod and node that this node knows, by address */
struct pilus_destination {
	struct pilus_addr node; /* remote: the node's address underneath */
	__u32 identity;
	__u32 ifindex; /* local: the host's end of the pod's interface */
	__u32 slot; /* local */
	__u32 endpoint; /* local: its number */
	__u8 mac[6]; /* local: of the pod; remote: of its node's tunnel device */
	__u16 flags; /* enum pilus_destination_flags */
};

enum pilus_range_flags {
	PILUS_RANGE_POOL = 1, /* pod addresses, never world */
	PILUS_RANGE_BLOCK = 2, /* owned by a node */
	PILUS_RANGE_THIS_NODE = 4, /* owned by this node */
};

/* ranges_v1: for an address that no destination holds */
struct pilus_range_key {
	__u32 prefixlen;
	struct pilus_addr address;
};

struct pilus_range {
	struct pilus_addr node; /* block: its owner's address underneath */
	__u8 mac[6]; /* block: of its owner's tunnel device */
	__u16 flags; /* enum pilus_range_flags */
};

/*
 * slots_v1: an array of (generation << 32 | table). Slot 0 is no subject's: the
 * agent keeps its counter of generations there, and in place of the table a
 * mark. A subject's policy changes by one store of this word.
 */
#define PILUS_SLOTS 16384

/*
 * A cell: what a table says of a class of peers and a class of ports.
 *   63..48 rank, the lower wins; 47..44 enum pilus_action; 43..40 tier;
 *   39..24 API rule set; 23..0 number of the rule
 */
enum pilus_action {
	PILUS_ACTION_NONE = 0,
	PILUS_ACTION_ALLOW = 1,
	PILUS_ACTION_DENY = 2, /* by a deny rule */
	PILUS_ACTION_DEFAULT_DENY = 3, /* isolated, nothing allows it */
	PILUS_ACTION_DEFAULT_ALLOW = 4, /* not isolated */
	PILUS_ACTION_NODE = 5, /* a node and its own pods */
};

#define PILUS_CELL_RANK(cell) ((__u16)((cell) >> 48))
#define PILUS_CELL_ACTION(cell) ((__u8)((cell) >> 44) & 0xf)
#define PILUS_CELL_RULE(cell) ((__u32)(cell)&0xffffff)

enum pilus_table_flags {
	PILUS_TABLE_ADDRESSES = 1, /* has a half for addresses */
};

/* tables_v1: by table id. Written last; no header, no table. */
struct pilus_table {
	__u32 flags; /* enum pilus_table_flags */
	__u32 port_lengths; /* bit n: some port class is a prefix of n bits */
	__u64 default_ingress; /* the cell where none is found */
	__u64 default_egress;
};

/* peer_classes_v1 -> __u32 class. Table 0 holds the identities known here. */
struct pilus_peer_class_key {
	__u32 table;
	__u32 identity;
};

#define PILUS_CLASS_UNRESOLVED 0 /* an identity that this node does not know */
#define PILUS_CLASS_CLUSTER 1 /* known, and no rule tells it apart */
#define PILUS_CLASS_FIRST 2

/* address_classes_v1 -> __u32 class; 0 is "no rule names the address" */
struct pilus_address_class_key {
	__u32 prefixlen; /* 32 for the table, then the prefix */
	__u32 table;
	struct pilus_addr address;
};

/*
 * port_classes_v1 -> __u32 class; 0 is "no rule names the port". Prefixes of
 * length 0..16. ICMP: port is type << 8 | code. Other protocols: protocol 255.
 */
struct pilus_port_class_key {
	__u32 table;
	__u16 port;
	__u8 protocol;
	__u8 length;
};

#define PILUS_PROTO_OTHER 255

enum pilus_half {
	PILUS_HALF_PEER = 0, /* by peer class */
	PILUS_HALF_MANAGED = 1, /* by address class, of a pod or node */
	PILUS_HALF_UNMANAGED = 2, /* by address class, of the world */
};

/* cells_v1 -> __u64 cell */
struct pilus_cell_key {
	__u32 table;
	__u16 peer; /* peer or address class */
	__u16 port; /* port class */
	__u8 direction; /* enum pilus_direction */
	__u8 half; /* enum pilus_half */
	__u16 zero;
};

/*
 * ct_v1: one entry a connection and leg, shared by both directions. The lower
 * address (then port) is "low". ICMP: who asks for an echo has its id as port,
 * who answers 0; any other kind is type << 8 | code and 0xffff.
 */
struct pilus_ct_key {
	struct pilus_addr low;
	struct pilus_addr high;
	__be16 low_port;
	__be16 high_port;
	__u8 protocol;
	__u8 leg; /* 0: as pods see it */
	__u16 zero;
};

/* ct_v1 is an array of two maps: [0] in use, [1] being drained, mostly empty. */
enum pilus_ct_flags {
	PILUS_CT_OPENED_BY_HIGH = 1,
	PILUS_CT_REPLIED = 2, /* the other side has answered */
	PILUS_CT_CLOSING = 4, /* FIN seen */
};

/* A judged side of a connection: generation << 32 | verdict << 24 | rule. */
struct pilus_ct_entry {
	__u64 egress; /* the opener's, when it is a pod of this node */
	__u64 ingress; /* the receiver's, when it is a pod of this node */
	__u32 opener; /* identities at the time of judging */
	__u32 receiver;
	__u32 seen; /* seconds since boot */
	__u32 flags; /* enum pilus_ct_flags */
	__u64 packets[2]; /* from the opener, from the receiver */
	__u64 bytes[2];
};

/* verdicts_v1 (per CPU): exact counts */
struct pilus_counter_key {
	__u32 endpoint; /* number; 0: none is known */
	__u32 rule; /* 0: none was asked */
	__u8 verdict; /* enum pilus_verdict */
	__u8 direction; /* enum pilus_direction */
	__u16 zero;
};

struct pilus_counter {
	__u64 packets;
	__u64 bytes;
};

/*
 * verdicts_rest_v1 (per CPU): what verdicts_v1 had no room for, by
 * verdict << 2 | direction
 */
#define PILUS_REST_INDEX(verdict, direction) ((verdict) << 2 | (direction))

enum pilus_event_flags {
	PILUS_EVENT_REPLY = 1, /* the packet travels against the opening */
};

/*
 * event_gates_v2: what has had its event. What came since waits for the next
 * such packet; when none comes, the agent tells of it and removes the gate.
 */
struct pilus_event_key {
	struct pilus_addr peer;
	__u32 endpoint;
	__u32 rule;
	__u16 port; /* ICMP: type << 8 | code */
	__u8 protocol;
	__u8 verdict;
	__u8 direction; /* whose policy was asked */
	__u8 flags; /* enum pilus_event_flags */
	__u16 zero;
};

struct pilus_event_gate {
	__u64 last; /* event, in coarse ns since boot */
	__u64 pending; /* packets since then */
	struct pilus_addr subject;
	__u32 identity; /* of the peer */
	__u16 source_port; /* of the packet that made this */
	__u16 zero;
};

/*
 * events_v1 (ring buffer): the first packet of each pilus_event_key, then a
 * summary a second, within the endpoint's budget.
 */
struct pilus_event {
	__u64 time; /* ns since boot */
	struct pilus_addr source;
	struct pilus_addr destination;
	__u16 source_port;
	__u16 destination_port; /* ICMP: type << 8 | code */
	__u8 protocol;
	__u8 verdict;
	__u8 direction; /* whose policy was asked */
	__u8 flags; /* enum pilus_event_flags */
	__u32 endpoint;
	__u32 peer; /* identity */
	__u32 rule;
	__u32 packets; /* for how many it stands */
};

#endif /* PILUS_ABI_H */
