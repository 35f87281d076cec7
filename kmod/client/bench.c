// SPDX-License-Identifier: GPL-2.0
/*
 * What the transport itself does, without a file system: /sys/kernel/debug/qtfs/<id>/bench.
 *
 * Who opens it and writes "OUT IN MS" sends one ECHO after the other for so long, each
 * with OUT bytes of data there and IN back; then it reads, on the same descriptor,
 *
 *	COUNT NS MIN_NS
 *
 * how many were answered, the time that all of them took, and the shortest.  Several
 * at a time are several who have it open.  What is measured is all that an operation
 * of the file system has in common with another: slots, frames, the connection's
 * queue and thread, and the transport.
 *
 * umount waits for who is measuring, so that has limits: BENCH_MS_MAX, and
 * ECHO_TIMEOUT for a server that doesn't answer.
 */
#include "qtfs.h"

#include <linux/debugfs.h>
#include <linux/module.h>

#define BENCH_MS_MAX	10000u
#define ECHO_TIMEOUT	(5 * HZ)

struct bench {
	u32 out;
	u32 in;
	u32 ms;
	u64 count;
	u64 ns;
	u64 min_ns;
};

static int bench_parse(const struct qtfs_session *session, const char *text, struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	bench->min_ns = U64_MAX;
	if (sscanf(text, "%u %u %u", &bench->out, &bench->in, &bench->ms) != 3 ||
	    bench->out > session->max_data || bench->in > session->max_data || !bench->ms ||
	    bench->ms > BENCH_MS_MAX)
		return -EINVAL;
	return 0;
}

/* Sends ECHOs by @rpc until @bench's time is up. */
static int bench_run(struct qtfs_session *session, struct qtfs_rpc *rpc, struct bench *bench)
{
	ktime_t begin = ktime_get(), last = begin, now;
	ktime_t end = ktime_add_ms(begin, bench->ms);
	int error;

	do {
		error = qtfs_rpc_call(session, rpc);
		if (!error && rpc->in_len != bench->in)
			error = -EPROTO;
		if (error)
			return error;
		now = ktime_get();
		bench->count++;
		bench->min_ns = min_t(u64, bench->min_ns, ktime_to_ns(ktime_sub(now, last)));
		last = now;
	} while (ktime_before(now, end));
	bench->ns = ktime_to_ns(ktime_sub(now, begin));
	return 0;
}

/* Pages, as those of the page cache are what is sent. */
static int bench(struct qtfs_session *session, struct bench *bench)
{
	struct qtfs_echo echo = { .size = cpu_to_le32(bench->in) };
	struct qtfs_rpc rpc = {
		.op = QTFS_OP_ECHO,
		.body = &echo,
		.out_len = bench->out,
		.in_max = bench->in,
		.timeout = ECHO_TIMEOUT,
	};
	int error = -ENOMEM;

	if (bench->out)
		rpc.out = qtfs_buf_alloc_pages(bench->out, GFP_KERNEL | __GFP_ZERO);
	if (bench->in)
		rpc.in = qtfs_buf_alloc_pages(bench->in, GFP_KERNEL | __GFP_ZERO);
	if ((!bench->out || rpc.out) && (!bench->in || rpc.in))
		error = bench_run(session, &rpc, bench);
	qtfs_buf_put(rpc.out);
	qtfs_buf_put(rpc.in);
	return error;
}

static ssize_t bench_write(struct file *file, const char __user *user, size_t len, loff_t *pos)
{
	struct qtfs_session *session = file_inode(file)->i_private;
	char *text = simple_transaction_get(file, user, len);
	struct bench result;
	int error;

	if (IS_ERR(text))
		return PTR_ERR(text);
	error = bench_parse(session, text, &result) ?: bench(session, &result);
	if (error)
		return error;
	simple_transaction_set(file, scnprintf(text, SIMPLE_TRANSACTION_LIMIT, "%llu %llu %llu\n",
					       result.count, result.ns, result.min_ns));
	return len;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.write = bench_write,
	.read = simple_transaction_read,
	.release = simple_transaction_release,
};

void qtfs_bench_expose(struct qtfs_session *session)
{
	debugfs_create_file("bench", 0600, session->debugfs, session, &bench_fops);
}
