/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is counted of each operation, on both sides: how many, errors, bytes of
 * data, and how long they took.
 *
 * An array of QTFS_OP_END for each processor.  Counting is a few additions to
 * the own processor's memory: no lock, no shared cache line.  A reader adds
 * up while others count, so that its sums may be a few requests apart from each
 * other.
 */
#ifndef QTFS_OPSTAT_H
#define QTFS_OPSTAT_H

#include <linux/percpu.h>
#include <linux/seq_file.h>

#include "ops.h"

struct dentry;

/* Bucket i: less than 2^i units of 1024 ns, and not in one before; the last: all others. */
#define QTFS_OPSTAT_BUCKETS	24

struct qtfs_opstat {
	u64 count;
	u64 errors;
	u64 bytes;
	u64 ns;
	u64 buckets[QTFS_OPSTAT_BUCKETS];
};

void qtfs_opstat_add(struct qtfs_opstat __percpu *stat, bool error, u64 bytes, u64 ns);

/* The sum over all processors. */
void qtfs_opstat_sum(struct qtfs_opstat __percpu *stat, struct qtfs_opstat *sum);

/* A line for each operation that was counted, after @indent: see opstat.c. */
void qtfs_opstat_show(struct seq_file *m, const char *indent,
		      struct qtfs_opstat __percpu *stats);

/* Makes "latency" in @dir, which shows @stats; writing to it clears them. */
void qtfs_opstat_debugfs(struct dentry *dir, struct qtfs_opstat __percpu *stats);

#endif /* QTFS_OPSTAT_H */
