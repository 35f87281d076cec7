// SPDX-License-Identifier: GPL-2.0
/* vma->vm_flags only through vm_flags_set() (6.3). */
#include <linux/mm.h>

void probe(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_DONTEXPAND);
	vm_flags_clear(vma, VM_MAYWRITE);
}
