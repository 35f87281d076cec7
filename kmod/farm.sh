#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# farm.sh SOURCE BUILD: makes the directory that kbuild works in.
#
#   BUILD/Kbuild                  descends into both modules
#   BUILD/<module>/Kbuild         -> SOURCE/Kbuild
#   BUILD/<module>/<dir>/*.[ch]   -> SOURCE/<dir>/*.[ch]
#   BUILD/<module>/common         -> SOURCE/../common
#   BUILD/<module>/include        -> SOURCE/compat/include
#
# Safe to run again: new sources appear, removed ones go.

set -eu

source=$1
build=$2

link() # module directory...
{
	module=$build/$1
	shift
	mkdir -p "$module"
	ln -sfn "$source/Kbuild" "$module/Kbuild"
	ln -sfn "$source/../common" "$module/common"
	ln -sfn "$source/compat/include" "$module/include"
	for dir in "$@"; do
		mkdir -p "$module/$dir"
		ln -sf "$source/$dir"/*.[ch] "$module/$dir/"
	done
	find "$module" -xtype l -delete
}

link qtfs client transport compat
link qtfs_server server transport compat

printf '%s\n' '# SPDX-License-Identifier: GPL-2.0' 'obj-m := qtfs/ qtfs_server/' >"$build/Kbuild.new"
if cmp -s "$build/Kbuild.new" "$build/Kbuild"; then
	rm "$build/Kbuild.new"
else
	mv "$build/Kbuild.new" "$build/Kbuild"
fi
