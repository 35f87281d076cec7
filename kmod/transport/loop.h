/* SPDX-License-Identifier: GPL-2.0 */
#ifndef QTFS_LOOP_H
#define QTFS_LOOP_H

struct qtfs_loop_pair;

/*
 * The only symbol that a module of ours exports: qtfs.ko brings its end of a
 * loop connection here.  Not for anybody else.  -ECONNREFUSED if qtfs_server.ko
 * was loaded without qtfs_loop=1.  Doesn't sleep.
 */
int qtfs_server_loop_connect(struct qtfs_loop_pair *pair);

int qtfs_loop_offer(struct qtfs_loop_pair *pair);

#endif /* QTFS_LOOP_H */
