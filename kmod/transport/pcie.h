/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PCIe transport's life with its module.  A module is one side of every
 * window: there is a server's half and a client's half.
 */
#ifndef QTFS_PCIE_H
#define QTFS_PCIE_H

#include "transport.h"

enum qtfs_pcie_side {
	QTFS_PCIE_SERVER = 0,
	QTFS_PCIE_CLIENT = 1,
};

/*
 * Binds the module to the windows there are and will be.  @listener: for the
 * server, prepares a listener that is then started on each window as it appears
 * and stopped when it goes; NULL for the client.
 */
int qtfs_pcie_init(enum qtfs_pcie_side side, void (*listener)(struct qtfs_listener *listener));

/*
 * Lets go of them.  What is connected breaks and is waited for, so its owner
 * must still be able to close it.
 */
void qtfs_pcie_exit(void);

#endif /* QTFS_PCIE_H */
