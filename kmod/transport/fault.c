// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection, for tests: /sys/kernel/debug/qtfs/fault, .../qtfs_server/fault.
 *
 * A line that is written adds a rule:
 *
 *	POINT [op=NAME] [every=N] [skip=N] [count=N] [ms=N] [bytes=N] [error=N]
 *
 * The fault befalls frames (requests as well as replies) of operation NAME, or
 * all but HELLO; the first SKIP are spared, then each Nth is hit, COUNT times, or
 * for ever.  "clear" takes all rules away.  Reading tells the rules, each with
 * how often it was looked at and hit.
 */
#include "transport.h"

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/parser.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "ops.h"

#define RULES_MAX	16

struct rule {
	enum qtfs_fault fault;
	unsigned int op;		/* 0: any */
	unsigned int every;
	unsigned int skip;
	unsigned int count;		/* 0: no limit */
	unsigned int value;
	unsigned int seen;
	unsigned int hit;
};

static const char *const names[QTFS_FAULTS] = {
	[QTFS_FAULT_TX_DROP] = "tx_drop",
	[QTFS_FAULT_DELAY] = "delay_ms",
	[QTFS_FAULT_DUP] = "dup",
	[QTFS_FAULT_SHORT_SEND] = "short_send",
	[QTFS_FAULT_DISCONNECT] = "disconnect",
	[QTFS_FAULT_CORRUPT] = "corrupt",
	[QTFS_FAULT_DROP_REPLY] = "exec_then_drop_reply",
	[QTFS_FAULT_FORGET] = "forget",
	[QTFS_FAULT_FAIL] = "fail",
	[QTFS_FAULT_EVENT] = "event_ms",
};

static struct rule rules[RULES_MAX];
static unsigned int nr_rules;
static DEFINE_SPINLOCK(rules_lock);

static bool spent(const struct rule *rule)
{
	return rule->count && rule->hit >= rule->count;
}

static bool rule_hits(struct rule *rule, enum qtfs_fault fault, unsigned int op)
{
	if (rule->fault != fault || (rule->op ? rule->op != op : op == QTFS_OP_HELLO))
		return false;
	if (spent(rule))
		return false;
	if (rule->seen++ < rule->skip || (rule->seen - rule->skip) % rule->every)
		return false;
	rule->hit++;
	return true;
}

bool qtfs_fault(enum qtfs_fault fault, unsigned int op, unsigned int *value)
{
	bool hit = false;
	unsigned int i;

	if (!READ_ONCE(nr_rules))
		return false;
	spin_lock(&rules_lock);
	for (i = 0; i < nr_rules && !hit; i++) {
		hit = rule_hits(&rules[i], fault, op);
		if (hit && value)
			*value = rules[i].value;
	}
	spin_unlock(&rules_lock);
	return hit;
}

static unsigned int frame_op(const struct qtfs_frame *frame)
{
	const struct qtfs_hdr *hdr = frame->head.iov_base;

	return le16_to_cpu(hdr->op);
}

bool qtfs_fault_begin(struct qtfs_frame *frame)
{
	struct qtfs_frame_fault *fault = &frame->fault;
	unsigned int op = frame_op(frame), value;

	/* The transport had no room: it was begun before. */
	if (fault->begun)
		return true;
	memset(fault, 0, sizeof(*fault));
	fault->begun = true;
	if (qtfs_fault(QTFS_FAULT_DELAY, op, &value))
		msleep(value);
	fault->dup = qtfs_fault(QTFS_FAULT_DUP, op, NULL);
	if (fault->dup)
		fault->data = frame->data;
	fault->corrupt = qtfs_fault(QTFS_FAULT_CORRUPT, op, NULL);
	if (qtfs_fault(QTFS_FAULT_SHORT_SEND, op, &value))
		fault->piece = value ?: 1;
	fault->cut = qtfs_fault(QTFS_FAULT_DISCONNECT, op, &value);
	if (fault->cut)
		fault->cut_at = value;
	return !qtfs_fault(QTFS_FAULT_TX_DROP, op, NULL);
}

bool qtfs_fault_again(struct qtfs_frame *frame)
{
	if (!frame->fault.dup)
		return false;
	frame->fault.dup = false;
	frame->data = frame->fault.data;
	frame->head_sent = 0;
	return true;
}

size_t qtfs_fault_limit(struct qtfs_frame *frame, size_t len)
{
	const struct qtfs_frame_fault *fault = &frame->fault;

	if (fault->piece)
		len = min(len, fault->piece);
	return fault->cut ? min(len, fault->cut_at) : len;
}

void qtfs_fault_sent(struct qtfs_frame *frame, ssize_t n)
{
	if (frame->fault.cut && n > 0)
		frame->fault.cut_at -= n;
}

void qtfs_fault_flip(struct qtfs_frame *frame)
{
	u8 *head = frame->head.iov_base;

	if (frame->fault.corrupt)
		head[frame->head.iov_len - 1] ^= 0x10;
}

static int find_op(const char *name)
{
	unsigned int op;

	for (op = 1; op < QTFS_OP_END; op++)
		if (!strcmp(qtfs_op_info(op)->name, name))
			return op;
	return -EINVAL;
}

/* Takes "key=value" into @rule. */
static int parse_key(struct rule *rule, char *word)
{
	char *value = strchr(word, '=');
	unsigned int n;
	int op;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (!strcmp(word, "op")) {
		op = find_op(value);
		rule->op = max(op, 0);
		return min(op, 0);
	}
	if (kstrtouint(value, 0, &n))
		return -EINVAL;
	if (!strcmp(word, "every"))
		rule->every = max(n, 1u);
	else if (!strcmp(word, "skip"))
		rule->skip = n;
	else if (!strcmp(word, "count"))
		rule->count = n;
	else if (!strcmp(word, "ms") || !strcmp(word, "bytes") || !strcmp(word, "error"))
		rule->value = n;
	else
		return -EINVAL;
	return 0;
}

/* Where there is no room, in the place of one that hits nothing any more. */
static int add_rule(const struct rule *rule)
{
	int error = -ENOSPC;
	unsigned int i;

	spin_lock(&rules_lock);
	for (i = 0; error && i < RULES_MAX; i++) {
		if (i < nr_rules && (nr_rules < RULES_MAX || !spent(&rules[i])))
			continue;
		rules[i] = *rule;
		WRITE_ONCE(nr_rules, max(nr_rules, i + 1));
		error = 0;
	}
	spin_unlock(&rules_lock);
	return error;
}

static int parse_line(char *line)
{
	struct rule rule = { .every = 1 };
	char *word = strsep(&line, " \t");
	int fault, error;

	if (!strcmp(word, "clear")) {
		spin_lock(&rules_lock);
		WRITE_ONCE(nr_rules, 0);
		spin_unlock(&rules_lock);
		return 0;
	}
	fault = match_string(names, QTFS_FAULTS, word);
	if (fault < 0)
		return fault;
	rule.fault = fault;
	while ((word = strsep(&line, " \t"))) {
		error = *word ? parse_key(&rule, word) : 0;
		if (error)
			return error;
	}

	return add_rule(&rule);
}

static ssize_t fault_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *line, *text, *rest;
	int error = 0;

	if (len > PAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = text;
	while (!error && (line = strsep(&rest, "\n")))
		error = *line ? parse_line(line) : 0;
	kfree(text);
	return error ?: len;
}

static int fault_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	spin_lock(&rules_lock);
	for (i = 0; i < nr_rules; i++) {
		const struct rule *rule = &rules[i];

		seq_printf(m, "%s op=%s every=%u skip=%u count=%u value=%u seen=%u hit=%u\n",
			   names[rule->fault], rule->op ? qtfs_op_info(rule->op)->name : "any",
			   rule->every, rule->skip, rule->count, rule->value, rule->seen,
			   rule->hit);
	}
	spin_unlock(&rules_lock);
	return 0;
}

static int fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, fault_show, NULL);
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.open = fault_open,
	.read = seq_read,
	.write = fault_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* Nothing depends on it: errors are debugfs's own business. */
void qtfs_fault_init(struct dentry *dir)
{
	debugfs_create_file("fault", 0600, dir, NULL, &fault_fops);
}
