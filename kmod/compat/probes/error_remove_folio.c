// SPDX-License-Identifier: GPL-2.0
/* ->error_remove_folio (6.8), not ->error_remove_page. */
#include <linux/mm.h>
#include <linux/fs.h>

const struct address_space_operations probe_ops = {
	.error_remove_folio = generic_error_remove_folio,
};
