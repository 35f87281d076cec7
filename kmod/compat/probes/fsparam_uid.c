// SPDX-License-Identifier: GPL-2.0
/* fsparam_uid() and fsparam_gid() (6.12). */
#include <linux/fs_parser.h>

kuid_t probe(struct fs_parse_result *result, struct fs_parameter_spec *spec)
{
	*spec = (struct fs_parameter_spec)fsparam_uid("uid", 0);
	return result->uid;
}
