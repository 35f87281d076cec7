// SPDX-License-Identifier: GPL-2.0
/*
 * Counters of operations.  Shown as
 *
 *	NAME COUNT ERRORS BYTES NS BUCKET...
 *
 * with NS the sum of all times, and as many BUCKETs as QTFS_OPSTAT_BUCKETS says.
 * Clearing isn't atomic: what is counted meanwhile may stay or go.
 */
#include "transport/opstat.h"

#include <linux/bitops.h>
#include <linux/debugfs.h>

#define UNIT_SHIFT	10

static unsigned int bucket_of(u64 ns)
{
	return min_t(unsigned int, fls64(ns >> UNIT_SHIFT), QTFS_OPSTAT_BUCKETS - 1);
}

void qtfs_opstat_add(struct qtfs_opstat __percpu *stat, bool error, u64 bytes, u64 ns)
{
	this_cpu_inc(stat->count);
	if (error)
		this_cpu_inc(stat->errors);
	if (bytes)
		this_cpu_add(stat->bytes, bytes);
	this_cpu_add(stat->ns, ns);
	this_cpu_inc(stat->buckets[bucket_of(ns)]);
}

void qtfs_opstat_sum(struct qtfs_opstat __percpu *stat, struct qtfs_opstat *sum)
{
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct qtfs_opstat *one = per_cpu_ptr(stat, cpu);

		sum->count += READ_ONCE(one->count);
		sum->errors += READ_ONCE(one->errors);
		sum->bytes += READ_ONCE(one->bytes);
		sum->ns += READ_ONCE(one->ns);
		for (i = 0; i < QTFS_OPSTAT_BUCKETS; i++)
			sum->buckets[i] += READ_ONCE(one->buckets[i]);
	}
}

void qtfs_opstat_show(struct seq_file *m, const char *indent,
		      struct qtfs_opstat __percpu *stats)
{
	struct qtfs_opstat sum;
	unsigned int op, i;

	for (op = 1; op < QTFS_OP_END; op++) {
		qtfs_opstat_sum(stats + op, &sum);
		if (!sum.count)
			continue;
		seq_printf(m, "%s%s %llu %llu %llu %llu", indent, qtfs_op_info(op)->name, sum.count,
			   sum.errors, sum.bytes, sum.ns);
		for (i = 0; i < QTFS_OPSTAT_BUCKETS; i++)
			seq_printf(m, " %llu", sum.buckets[i]);
		seq_putc(m, '\n');
	}
}

static void clear(struct qtfs_opstat __percpu *stats)
{
	int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(stats, cpu), 0, QTFS_OP_END * sizeof(*stats));
}

static int latency_show(struct seq_file *m, void *unused)
{
	qtfs_opstat_show(m, "", (struct qtfs_opstat __percpu __force *)m->private);
	return 0;
}

static int latency_open(struct inode *inode, struct file *file)
{
	return single_open(file, latency_show, inode->i_private);
}

static ssize_t latency_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	struct seq_file *m = file->private_data;

	clear((struct qtfs_opstat __percpu __force *)m->private);
	return len;
}

static const struct file_operations latency_fops = {
	.owner = THIS_MODULE,
	.open = latency_open,
	.read = seq_read,
	.write = latency_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void qtfs_opstat_debugfs(struct dentry *dir, struct qtfs_opstat __percpu *stats)
{
	debugfs_create_file("latency", 0600, dir, (void __force *)stats, &latency_fops);
}
