// SPDX-License-Identifier: GPL-2.0
#include "transport/loglevel.h"

#include <linux/debugfs.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static const char *const keywords[] = { "NONE", "ERROR", "WARN", "INFO", "DEBUG" };

static int param_set(const char *val, const struct kernel_param *kp)
{
	int level = sysfs_match_string(keywords, val);

	if (level < 0) {
		pr_err("qtfs_log_level=%s: not NONE, ERROR, WARN, INFO or DEBUG\n", val);
		return -EINVAL;
	}
	WRITE_ONCE(*(int *)kp->arg, level);
	return 0;
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", keywords[READ_ONCE(*(int *)kp->arg)]);
}

const struct kernel_param_ops qtfs_loglevel_param_ops = {
	.set = param_set,
	.get = param_get,
};

/* All keywords, the one in force in brackets. */
static int log_show(struct seq_file *m, void *unused)
{
	int level = READ_ONCE(*(int *)m->private), i;

	for (i = 0; i < ARRAY_SIZE(keywords); i++)
		seq_printf(m, i == level ? "%s[%s]" : "%s%s", i ? " " : "", keywords[i]);
	seq_putc(m, '\n');
	return 0;
}

static int log_open(struct inode *inode, struct file *file)
{
	return single_open(file, log_show, inode->i_private);
}

static ssize_t log_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	int *level = ((struct seq_file *)file->private_data)->private;
	char word[16];
	int found;

	if (len >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, from, len))
		return -EFAULT;
	word[len] = '\0';
	found = sysfs_match_string(keywords, word);
	if (found < 0)
		return -EINVAL;
	WRITE_ONCE(*level, found);
	return len;
}

static const struct file_operations log_fops = {
	.owner = THIS_MODULE,
	.open = log_open,
	.read = seq_read,
	.write = log_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void qtfs_loglevel_debugfs(struct dentry *dir, int *level)
{
	debugfs_create_file("log", 0600, dir, level, &log_fops);
}
