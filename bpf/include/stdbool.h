/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#pragma once

/* The compiler's own headers are not on the path; this is all that C11 asks of this one. */
#define bool _Bool
#define true 1
#define false 0
