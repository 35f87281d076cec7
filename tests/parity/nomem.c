// SPDX-License-Identifier: GPL-2.0
/*
 * What do operations do when memory is short?  For each, the first memory
 * allocation of a task is made to fail, then the second, and so on until one
 * comes through without a failure (the kernel's fail-nth).
 *
 *	nomem each FAIL_NTH MOUNT DIR [OPERATION...]
 *		FAIL_NTH: self, or the fail-nth file of another task that works
 *		for MOUNT.  DIR: what is mounted there, as the server sees it.
 *	nomem storm SECONDS MOUNT DIR
 *		All of them in turn, while the caller makes allocations fail.
 *	nomem call MOUNT_OPTIONS PATH MOUNT
 *		mount(2) and umount(2), as above.
 *	nomem load MODULE.ko PARAMETERS
 *		finit_module(2) and delete_module(2), as above.
 *
 * Each operation succeeds, and what it did is seen in DIR, or fails with
 * ENOMEM.  Anything else is printed, with exit status 1.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define NTH_MAX	20000
#define SIZE	20000

static const char *mount_dir, *server_dir;
static unsigned int serial;
static char name[4096], other[4096];	/* through the mount */
static char sname[4096], sother[4096];	/* the same on the server */
static char wanted[SIZE], buffer[2 * SIZE] __attribute__((aligned(4096)));
static int failures;

static void complain(const char *what, const char *how)
{
	printf("%s: %s\n", what, how);
	failures++;
}

/* ---- operations: run() is what fails; the others are not to ---- */

static int server_write(const char *path, size_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, wanted, size);
	close(fd);
	return n == (ssize_t)size ? 0 : -1;
}

/* The first @size bytes of the server's file are @from[]. */
static bool server_has(const char *path, const char *from, size_t size)
{
	static char got[SIZE];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, got, size);
	close(fd);
	return n == (ssize_t)size && !memcmp(got, from, size);
}

static int make_file(void)
{
	return server_write(sname, SIZE);
}

static int make_dir(void)
{
	return mkdir(sname, 0755);
}

static int make_link(void)
{
	return symlink("some/where", sname);
}

/* A file whose name and attributes the client knows already. */
static int make_known(void)
{
	struct stat st;

	return make_file() ?: stat(name, &st);
}

static int make_known_dir(void)
{
	struct stat st;

	return make_dir() ?: stat(name, &st);
}

static int make_xattr(void)
{
	return make_known() ?: setxattr(sname, "trusted.nomem", wanted, 100, 0);
}

static int do_lookup(void)
{
	struct stat st;

	return stat(name, &st);
}

static int do_negative(void)
{
	struct stat st;
	int result = stat(name, &st);

	if (!result)
		errno = EEXIST;
	return result && errno == ENOENT ? 0 : -1;
}

static int do_create(void)
{
	int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int do_mkdir(void)
{
	return mkdir(name, 0755);
}

static int do_mknod(void)
{
	return mknod(name, S_IFIFO | 0644, 0);
}

static int do_symlink(void)
{
	return symlink("else/where", name);
}

static int do_link(void)
{
	return link(name, other);
}

static int do_rename(void)
{
	return rename(name, other);
}

static int do_unlink(void)
{
	return unlink(name);
}

static int do_rmdir(void)
{
	return rmdir(name);
}

static int do_readlink(void)
{
	ssize_t n = readlink(name, buffer, sizeof(buffer));

	if (n >= 0 && (n != 10 || memcmp(buffer, "some/where", 10))) {
		errno = EBADMSG;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

static int do_readdir(void)
{
	struct dirent *entry;
	int found = 0;
	DIR *dir = opendir(mount_dir);

	if (!dir)
		return -1;
	errno = 0;
	while ((entry = readdir(dir)))
		found += !strcmp(entry->d_name, strrchr(name, '/') + 1);
	if (errno || found != 1) {
		errno = errno ?: EBADMSG;
		closedir(dir);
		return -1;
	}
	return closedir(dir);
}

static int read_with(int flags)
{
	int fd = open(name, O_RDONLY | flags), saved;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buffer, sizeof(buffer));
	saved = errno;
	close(fd);
	errno = saved;
	if (n >= 0 && (n != SIZE || memcmp(buffer, wanted, SIZE))) {
		errno = EBADMSG;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

static int do_read(void)
{
	return read_with(0);
}

static int do_read_direct(void)
{
	return read_with(O_DIRECT);
}

/* Written and synced, or closed: either tells what failed. */
static int write_with(int flags, bool sync)
{
	int fd = open(name, O_WRONLY | flags, 0644), error = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, wanted + 1, SIZE - 1);
	if (n != SIZE - 1)
		error = n < 0 ? errno : ENOMEM;		/* a part of it */
	if (sync && fsync(fd))
		error = error ?: errno;
	if (close(fd))
		error = error ?: errno;
	errno = error;
	return error ? -1 : 0;
}

static int do_write(void)
{
	return write_with(0, false);
}

static int do_write_sync(void)
{
	return write_with(0, true);
}

static int do_write_direct(void)
{
	return write_with(O_DIRECT, false);
}

static int do_append(void)
{
	return write_with(O_CREAT | O_APPEND, false);
}

static bool was_written(void)
{
	return server_has(sname, wanted + 1, SIZE - 1);
}

static int do_chmod(void)
{
	return chmod(name, 0600);
}

static bool was_chmod(void)
{
	struct stat st;

	return !stat(sname, &st) && (st.st_mode & 0777) == 0600;
}

static int do_truncate(void)
{
	return truncate(name, 5);
}

static bool was_truncated(void)
{
	struct stat st;

	return !stat(sname, &st) && st.st_size == 5;
}

static int do_fallocate(void)
{
	int fd = open(name, O_RDWR), result, saved;

	if (fd < 0)
		return -1;
	result = fallocate(fd, 0, 0, 2 * SIZE);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int do_lseek(void)
{
	int fd = open(name, O_RDONLY), saved;
	off_t at;

	if (fd < 0)
		return -1;
	at = lseek(fd, 0, SEEK_DATA);
	saved = errno;
	close(fd);
	errno = saved;
	return at < 0 ? -1 : 0;
}

static int do_setxattr(void)
{
	return setxattr(name, "trusted.nomem", "x", 1, 0);
}

static int do_getxattr(void)
{
	ssize_t n = getxattr(name, "trusted.nomem", buffer, sizeof(buffer));

	if (n >= 0 && (n != 100 || memcmp(buffer, wanted, 100))) {
		errno = EBADMSG;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

static int do_listxattr(void)
{
	ssize_t n = listxattr(name, buffer, sizeof(buffer));

	if (!n) {
		errno = EBADMSG;
		return -1;
	}
	return n < 0 ? -1 : 0;
}

static int do_removexattr(void)
{
	return removexattr(name, "trusted.nomem");
}

static int do_statfs(void)
{
	struct statfs st;

	return statfs(mount_dir, &st);
}

static bool exists(void)
{
	struct stat st;

	return !lstat(sname, &st);
}

static bool other_exists(void)
{
	struct stat st;

	return !lstat(sother, &st);
}

static bool is_gone(void)
{
	return !exists();
}

static const struct operation {
	const char *name;
	int (*prepare)(void);
	int (*run)(void);
	bool (*effect)(void);
} operations[] = {
	{ "lookup", make_file, do_lookup, NULL },
	{ "negative", NULL, do_negative, NULL },
	{ "getattr", make_known, do_lookup, NULL },
	{ "create", NULL, do_create, exists },
	{ "mkdir", NULL, do_mkdir, exists },
	{ "mknod", NULL, do_mknod, exists },
	{ "symlink", NULL, do_symlink, exists },
	{ "link", make_known, do_link, other_exists },
	{ "rename", make_known, do_rename, other_exists },
	{ "unlink", make_known, do_unlink, is_gone },
	{ "rmdir", make_known_dir, do_rmdir, is_gone },
	{ "readlink", make_link, do_readlink, NULL },
	{ "readdir", make_file, do_readdir, NULL },
	{ "read", make_file, do_read, NULL },
	{ "read_direct", make_file, do_read_direct, NULL },
	{ "write", make_file, do_write, was_written },
	{ "write_sync", make_file, do_write_sync, was_written },
	{ "write_direct", make_file, do_write_direct, was_written },
	{ "append", NULL, do_append, was_written },
	{ "chmod", make_known, do_chmod, was_chmod },
	{ "truncate", make_known, do_truncate, was_truncated },
	{ "fallocate", make_file, do_fallocate, NULL },
	{ "lseek", make_file, do_lseek, NULL },
	{ "setxattr", make_known, do_setxattr, NULL },
	{ "getxattr", make_xattr, do_getxattr, NULL },
	{ "listxattr", make_xattr, do_listxattr, NULL },
	{ "removexattr", make_xattr, do_removexattr, NULL },
	{ "statfs", NULL, do_statfs, NULL },
};

#define NR_OPERATIONS	(sizeof(operations) / sizeof(operations[0]))

/* Every round has names of its own, so that nothing is known of them. */
static void next_names(void)
{
	serial++;
	snprintf(name, sizeof(name), "%s/n%u", mount_dir, serial);
	snprintf(other, sizeof(other), "%s/o%u", mount_dir, serial);
	snprintf(sname, sizeof(sname), "%s/n%u", server_dir, serial);
	snprintf(sother, sizeof(sother), "%s/o%u", server_dir, serial);
}

static int prepare(const struct operation *op)
{
	next_names();
	return op->prepare ? op->prepare() : 0;
}

static void clean(void)
{
	if (unlink(sname) && errno == EISDIR)
		rmdir(sname);
	unlink(sother);
}

/* ---- the nth allocation ---- */

static int nth_open(const char *path)
{
	int fd = open(strcmp(path, "self") ? path : "/proc/thread-self/fail-nth", O_RDWR);

	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

static void nth_set(int fd, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fd, text, len, 0) != len) {
		perror("fail-nth");
		exit(2);
	}
}

/* How many allocations are left before one fails. */
static unsigned int nth_get(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
		perror("fail-nth");
		exit(2);
	}
	return atoi(text);
}

/* What the kernel's own functions for sockets make of it. */
static bool socket_error(int error)
{
	return error == ENFILE ||	/* socket(2) */
	       error == EADDRINUSE ||	/* bind(2) */
	       error == ENOBUFS;	/* connect(2) */
}

/*
 * Calls @run, between @before and @after, until none of its allocations fails.
 * The first time none is to: so its own memory is all there after that.  @sockets:
 * it makes some.
 */
static void each_nth(const char *what, int fd, bool sockets, int (*before)(const void *),
		     int (*run)(const void *), void (*after)(const void *, bool), const void *arg)
{
	unsigned int nth, failed = 0;
	bool injected = true;
	char text[200];

	for (nth = 0; injected && nth < NTH_MAX; nth++) {
		int result, error;

		if (before && before(arg)) {
			snprintf(text, sizeof(text), "allocation %u: can't prepare: %s", nth,
				 strerror(errno));
			complain(what, text);
			return;
		}
		nth_set(fd, nth);
		result = run(arg);
		error = errno;
		injected = !nth || !nth_get(fd);
		nth_set(fd, 0);
		after(arg, !result);
		failed += !!result;
		if (result && (!nth || !injected ||
			       (error != ENOMEM && !(sockets && socket_error(error))))) {
			snprintf(text, sizeof(text), "allocation %u%s: %s", nth,
				 nth && injected ? "" : " (none failed)", strerror(error));
			complain(what, text);
		}
	}
	if (injected)
		complain(what, "never without a failure");
	printf("# %s: %u allocations, %u of them fatal\n", what, nth - 2, failed);
}

static int op_before(const void *arg)
{
	return prepare(arg);
}

static int op_run(const void *arg)
{
	const struct operation *op = arg;

	return op->run();
}

static void op_after(const void *arg, bool success)
{
	const struct operation *op = arg;

	if (success && op->effect && !op->effect())
		complain(op->name, "reported success, and the server does not have it");
	clean();
}

static void each(int fd, char **names)
{
	size_t i;
	int j;

	for (i = 0; i < NR_OPERATIONS; i++) {
		bool chosen = !*names;

		for (j = 0; names[j]; j++)
			chosen |= !strcmp(names[j], operations[i].name);
		if (chosen)
			each_nth(operations[i].name, fd, false, op_before, op_run, op_after,
				 &operations[i]);
	}
}

/* ---- all at random ---- */

/* What a failed operation may have left, and the next one trips over. */
static bool may_be(int error)
{
	return error == ENOMEM || error == ENFILE;
}

static void storm(unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned int runs = 0, failed = 0, i;
	char text[200];

	while (time(NULL) < end) {
		for (i = 0; i < NR_OPERATIONS; i++) {
			/* Preparing may fail as well, where it goes through the mount. */
			if (!prepare(&operations[i])) {
				int result = operations[i].run();
				int error = errno;

				runs++;
				failed += !!result;
				if (result && !may_be(error)) {
					snprintf(text, sizeof(text), "storm: %s", strerror(error));
					complain(operations[i].name, text);
				}
			}
			clean();
		}
	}
	printf("# %u operations, %u failed\n", runs, failed);
}

/* ---- mounting, loading ---- */

static const char *arg_options, *arg_path;

static int mount_run(const void *arg)
{
	(void)arg;
	return mount(arg_path, mount_dir, "qtfs", 0, arg_options);
}

static void mount_after(const void *arg, bool success)
{
	(void)arg;
	if (success && umount(mount_dir))
		complain("umount", strerror(errno));
}

static int umount_before(const void *arg)
{
	char file[4096];
	struct stat st;
	DIR *dir;

	if (mount_run(arg))
		return -1;
	/* Something to forget. */
	dir = opendir(mount_dir);
	if (dir) {
		struct dirent *entry;

		while ((entry = readdir(dir))) {
			snprintf(file, sizeof(file), "%s/%s", mount_dir, entry->d_name);
			stat(file, &st);
		}
		closedir(dir);
	}
	return 0;
}

static int umount_run(const void *arg)
{
	(void)arg;
	return umount(mount_dir);
}

static void umount_after(const void *arg, bool success)
{
	(void)arg;
	if (!success && umount(mount_dir))
		complain("umount, again", strerror(errno));
}

static int module_fd;
static char module_name[256];

static int load_run(const void *arg)
{
	(void)arg;
	return syscall(SYS_finit_module, module_fd, arg_options, 0);
}

static void load_after(const void *arg, bool success)
{
	(void)arg;
	if (success && syscall(SYS_delete_module, module_name, O_NONBLOCK))
		complain("delete_module", strerror(errno));
}

static void load(const char *path)
{
	const char *base = strrchr(path, '/');

	module_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (module_fd < 0) {
		perror(path);
		exit(2);
	}
	snprintf(module_name, sizeof(module_name), "%s", base ? base + 1 : path);
	*strchrnul(module_name, '.') = '\0';
	each_nth(module_name, nth_open("self"), true, NULL, load_run, load_after, NULL);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < SIZE; i++)
		wanted[i] = 'a' + i * 7 % 26;
	memset(buffer, 'x', sizeof(buffer));

	if (!strcmp(verb, "each") && argc >= 5) {
		mount_dir = argv[3];
		server_dir = argv[4];
		each(nth_open(argv[2]), argv + 5);
	} else if (!strcmp(verb, "storm") && argc == 5) {
		mount_dir = argv[3];
		server_dir = argv[4];
		storm(atoi(argv[2]));
	} else if (!strcmp(verb, "call") && argc == 5) {
		arg_options = argv[2];
		arg_path = argv[3];
		mount_dir = argv[4];
		i = nth_open("self");
		each_nth("mount", i, true, NULL, mount_run, mount_after, NULL);
		each_nth("umount", i, false, umount_before, umount_run, umount_after, NULL);
	} else if (!strcmp(verb, "load") && argc == 4) {
		arg_options = argv[3];
		load(argv[2]);
	} else {
		fprintf(stderr, "usage: see the head of nomem.c\n");
		return 2;
	}
	return failures ? 1 : 0;
}
