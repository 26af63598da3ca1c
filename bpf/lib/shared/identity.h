/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

/* Reserved identities: the field's fixed numbers. */
enum reserved_identity {
	IDENTITY_UNKNOWN = 0,
	IDENTITY_HOST = 1,
	IDENTITY_WORLD = 2,
	IDENTITY_UNMANAGED = 3,
	IDENTITY_HEALTH = 4,
	IDENTITY_INIT = 5,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_KUBE_APISERVER = 7,
	IDENTITY_INGRESS = 8,
};

/*
 * Numbers above the reserved ones, and their scopes. Address classes share the
 * number space of identities, because both are a policy entry's peer.
 */
enum identity_range {
	IDENTITY_CLUSTER_FIRST = 256,
	IDENTITY_CLUSTER_LAST = 65535,
	IDENTITY_CLASS_FIRST = (1 << 24) + 1,
	IDENTITY_CLASS_LAST = (1 << 25) - 1,
	/* Other nodes, by their labels. */
	IDENTITY_NODE_FIRST = (2 << 24) + 1,
	IDENTITY_NODE_LAST = (3 << 24) - 1,
};
