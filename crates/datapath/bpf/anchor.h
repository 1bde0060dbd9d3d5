/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Names every type and enum that Rust needs but no map does, so that libbpf-cargo generates them. Never read. */
#ifndef COFFERDAM_ANCHOR_H
#define COFFERDAM_ANCHOR_H

#include "abi.h"

struct abi_anchor {
	struct flow_event flow;
	struct object_event object;
	struct names_event names;
	struct cgroup_event cgroup;
	struct decide_args decide;
	struct sign_args sign;
	enum abi_version version;
	enum peer_class peer_class;
	enum direction direction;
	enum action action;
	enum reason reason;
	enum hook hook;
	enum entry_flag entry_flag;
	enum listener_flag listener_flag;
	enum plane plane;
	enum contain_flag contain_flag;
	enum port_side port_side;
	enum place_bits place_bits;
	enum place_flag place_flag;
	enum name_limits name_limits;
	enum event_type event_type;
	enum counter counter;
	enum wire wire;
	enum segment segment;
	struct wire_option wire_option;
};

const volatile struct abi_anchor abi_anchor = {};

#endif
