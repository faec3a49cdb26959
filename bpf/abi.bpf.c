// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * No program: names every type of the ABI, so that tests can read them all.
 * BTF of the datapath itself lacks what only local variables use.
 */
#include "pilus/abi.h"

struct pilus_abi {
	enum pilus_identity identity;
	enum pilus_direction direction;
	enum pilus_verdict verdict;
	enum pilus_action action;
	enum pilus_half half;
	enum pilus_destination_flags destination_flags;
	enum pilus_range_flags range_flags;
	enum pilus_table_flags table_flags;
	enum pilus_ct_flags ct_flags;
	enum pilus_event_flags event_flags;
	struct pilus_addr address;
	struct pilus_endpoint endpoint;
	struct pilus_destination destination;
	struct pilus_range_key range_key;
	struct pilus_range range;
	struct pilus_table table;
	struct pilus_peer_class_key peer_class_key;
	struct pilus_address_class_key address_class_key;
	struct pilus_port_class_key port_class_key;
	struct pilus_cell_key cell_key;
	struct pilus_ct_key ct_key;
	struct pilus_ct_entry ct_entry;
	struct pilus_counter_key counter_key;
	struct pilus_counter counter;
	struct pilus_event_key event_key;
	struct pilus_event_gate event_gate;
	struct pilus_event event;
} pilus_abi;
