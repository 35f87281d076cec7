#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gcc, for a kernel that was built with a newer one: leaves out the options that
# this gcc does not know, and says nothing about attributes that it does not.

for arg do
	shift
	case $arg in
	-fmin-function-alignment=* | -fzero-init-padding-bits=* | -fdiagnostics-show-context=*) ;;
	*) set -- "$@" "$arg" ;;
	esac
done
exec "${CROSS_COMPILE-}gcc" "$@" -Wno-attributes
