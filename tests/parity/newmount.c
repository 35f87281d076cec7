// SPDX-License-Identifier: GPL-2.0
/*
 * The new mount API, one call after the other, as steps on the command line; linked statically.
 *
 *	open:TYPE	fsopen(2)
 *	often:N:TYPE	so often, each closed before the next
 *	pick:DIR	fspick(2)
 *	set:KEY[=TEXT]	fsconfig(2)
 *	create, reconfigure
 *	mount[:ATTR]	fsmount(2), with ro, nosuid, nodev or noexec
 *	clone:DIR	open_tree(2) with OPEN_TREE_CLONE; tree:DIR: with what is mounted below
 *	attr:WHAT[@DIR]	mount_setattr(2), of the mount made or cloned, or of DIR; +ro, -ro, +nosuid,
 *			-nosuid, +noatime, +relatime, shared, private; tree-WHAT with AT_RECURSIVE
 *	move:DIR	move_mount(2) of it; place:DIR:DIR: of what is mounted somewhere
 *	write:NAME	makes a file in it
 *	names		how many names it has
 *
 * "thread" before all of them has them made by another thread than the first.
 * The first that fails ends it, and is told with its errno and what the kernel says about it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYS_SETATTR	442	/* mount_setattr(2) */
#define SHARED		(1 << 20)
#define PRIVATE		(1 << 18)
#define RECURSIVE	0x8000

static int context = -1, made = -1;

/* Ends @text at the first @c and returns what follows; NULL: there is none. */
static char *cut(char *text, char c)
{
	char *at = strchr(text, c);

	if (at)
		*at++ = '\0';
	return at;
}

static int set(const char *key, const char *text)
{
	return syscall(SYS_fsconfig, context, text ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
		       text, 0);
}

static uint64_t attribute(const char *word)
{
	static const struct {
		const char *word;
		uint64_t attribute;
	} words[] = {
		{ "ro", MOUNT_ATTR_RDONLY },	   { "nosuid", MOUNT_ATTR_NOSUID },
		{ "nodev", MOUNT_ATTR_NODEV },	   { "noexec", MOUNT_ATTR_NOEXEC },
		{ "noatime", MOUNT_ATTR_NOATIME }, { "relatime", MOUNT_ATTR_RELATIME },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(word, words[i].word))
			return words[i].attribute;
	fprintf(stderr, "%s?\n", word);
	exit(2);
}

static int set_attributes(const char *what, const char *directory)
{
	struct mount_attr attr = { 0 };
	int flags = 0;

	if (!strncmp(what, "tree-", 5)) {
		flags = RECURSIVE;
		what += 5;
	}
	if (!strcmp(what, "shared"))
		attr.propagation = SHARED;
	else if (!strcmp(what, "private"))
		attr.propagation = PRIVATE;
	else if (what[0] == '+')
		attr.attr_set = attribute(what + 1);
	else
		attr.attr_clr = attribute(what + 1);
	if (attr.attr_set == MOUNT_ATTR_NOATIME || !strcmp(what, "+relatime"))
		attr.attr_clr = MOUNT_ATTR__ATIME;
	return syscall(SYS_SETATTR, directory ? AT_FDCWD : made, directory ? directory : "",
		       flags | (directory ? 0 : AT_EMPTY_PATH), &attr, sizeof(attr));
}

static int clone_tree(const char *directory, int flags)
{
	made = syscall(SYS_open_tree, AT_FDCWD, directory,
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
	return made;
}

static int move(const char *directory)
{
	return syscall(SYS_move_mount, made, "", AT_FDCWD, directory, MOVE_MOUNT_F_EMPTY_PATH);
}

static int place(const char *from, const char *to)
{
	return syscall(SYS_move_mount, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int often(const char *times, const char *type)
{
	int i, fd;

	for (i = 0; i < atoi(times); i++) {
		fd = syscall(SYS_fsopen, type, 0);
		if (fd < 0)
			return fd;
		close(fd);
	}
	return 0;
}

static int write_file(const char *name)
{
	return openat(made, name, O_CREAT | O_EXCL | O_WRONLY, 0644);
}

static int count_names(void)
{
	int fd = openat(made, ".", O_RDONLY | O_DIRECTORY), n = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	return printf("%d\n", n - 2);
}

static void tell_messages(void)
{
	char text[512];
	ssize_t n;

	while ((n = read(context, text, sizeof(text))) > 0)
		fprintf(stderr, "%.*s\n", (int)n, text);
}

static int step(const char *what, char *arg)
{
	if (!strcmp(what, "open"))
		return context = syscall(SYS_fsopen, arg, FSOPEN_CLOEXEC);
	if (!strcmp(what, "often"))
		return often(arg, cut(arg, ':'));
	if (!strcmp(what, "pick"))
		return context = syscall(SYS_fspick, AT_FDCWD, arg, FSPICK_CLOEXEC);
	if (!strcmp(what, "set"))
		return set(arg, cut(arg, '='));
	if (!strcmp(what, "create"))
		return syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (!strcmp(what, "reconfigure"))
		return syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	if (!strcmp(what, "mount"))
		return made = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, *arg ? attribute(arg) : 0);
	if (!strcmp(what, "clone"))
		return clone_tree(arg, 0);
	if (!strcmp(what, "tree"))
		return clone_tree(arg, RECURSIVE);
	if (!strcmp(what, "attr"))
		return set_attributes(arg, cut(arg, '@'));
	if (!strcmp(what, "move"))
		return move(arg);
	if (!strcmp(what, "place"))
		return place(arg, cut(arg, ':'));
	if (!strcmp(what, "write"))
		return write_file(arg);
	if (!strcmp(what, "names"))
		return count_names();
	fprintf(stderr, "%s?\n", what);
	exit(2);
}

static void *all_steps(void *argv)
{
	char **word, none[] = "";

	for (word = argv; *word; word++) {
		char *arg = cut(*word, ':');

		if (step(*word, arg ? arg : none) < 0) {
			fprintf(stderr, "%s: %s\n", *word, strerror(errno));
			tell_messages();
			exit(1);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2 || strcmp(argv[1], "thread")) {
		all_steps(argv + 1);
		return 0;
	}
	return pthread_create(&thread, NULL, all_steps, argv + 2) || pthread_join(thread, NULL);
}
