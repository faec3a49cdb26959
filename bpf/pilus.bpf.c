// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The datapath of a node: one object, so that its programs share their maps.
 * Each hook is in a file of its own.
 */
#include "lib/config.h"
#include "lib/packet.h"
#include "lib/endpoint.h"
#include "lib/event.h"
#include "lib/policy.h"
#include "lib/conntrack.h"
#include "lib/fragment.h"
#include "lib/neighbour.h"
#include "lib/toobig.h"
#include "lib/vxlan.h"
#include "lib/forward.h"

#include "hooks/from_pod.h"
#include "hooks/from_host.h"
#include "hooks/from_overlay.h"
#include "hooks/from_netdev.h"

char LICENSE[] SEC("license") = "GPL";
