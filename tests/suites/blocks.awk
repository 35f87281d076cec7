# SPDX-License-Identifier: GPL-2.0
# The commands of a document, in their order: each block that says who executes it ("```sh host") goes into a file OUTnn.WHO.
#	awk -v out=FOLDER/block -f blocks.awk DOCUMENT
/^```sh / { file = sprintf("%s%02d.%s", out, ++n, $2); next }
/^```/ { file = "" }
file { print >file }
