// SPDX-License-Identifier: GPL-2.0
/*
 * Windows of QEMU's ivshmem-doorbell device (docs/specs/ivshmem-spec.rst there):
 * BAR0 has the registers, BAR2 is memory that all who have it can write, MSI-X
 * brings the others' bells.  The lower half of the memory is the server's to write,
 * the upper half the client's.
 */
#include "window.h"

#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

/* Registers in BAR0 */
#define REG_POSITION	8
#define REG_DOORBELL	12

struct bell {
	struct ivshmem *ivshmem;
	u32 number;
};

struct ivshmem {
	struct qtfs_window window;
	struct pci_dev *pdev;
	void __iomem *regs;
	struct bell bells[QTFS_WINDOW_BELLS];	/* one for each interrupt */
};

static enum qtfs_pcie_side here;

static void ivshmem_ring(struct qtfs_window *window, u32 position, u32 bell)
{
	struct ivshmem *ivshmem = container_of(window, struct ivshmem, window);

	/* writel() orders what was written to the window before the bell. */
	writel((position & 0xffff) << 16 | (bell & 0xffff), ivshmem->regs + REG_DOORBELL);
}

static const struct qtfs_window_ops ivshmem_ops = {
	.ring = ivshmem_ring,
};

static irqreturn_t ivshmem_irq(int irq, void *data)
{
	struct bell *bell = data;

	qtfs_window_rung(&bell->ivshmem->window, bell->number);
	return IRQ_HANDLED;
}

static int map(struct ivshmem *ivshmem)
{
	struct pci_dev *pdev = ivshmem->pdev;
	struct qtfs_window *window = &ivshmem->window;
	size_t half = pci_resource_len(pdev, 2) / 2;
	void *memory;
	int error;

	error = pcim_enable_device(pdev);
	if (error)
		return error;
	error = pcim_iomap_regions(pdev, BIT(0) | BIT(2), KBUILD_MODNAME);
	if (error)
		return error;
	ivshmem->regs = pcim_iomap_table(pdev)[0];
	/* Write-back: it's memory on both sides, and rings need loads to be cheap. */
	memory = devm_memremap(&pdev->dev, pci_resource_start(pdev, 2), half * 2, MEMREMAP_WB);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	pci_set_master(pdev);

	window->ops = &ivshmem_ops;
	window->name = pci_name(pdev);
	window->out = memory + (here == QTFS_PCIE_SERVER ? 0 : half);
	window->in = memory + (here == QTFS_PCIE_SERVER ? half : 0);
	window->size = half;
	window->position = readl(ivshmem->regs + REG_POSITION);
	return qtfs_window_init(window);
}

static void free_irqs(struct ivshmem *ivshmem, int from)
{
	while (from-- > 0)
		free_irq(pci_irq_vector(ivshmem->pdev, from), &ivshmem->bells[from]);
	pci_free_irq_vectors(ivshmem->pdev);
}

static int request_irqs(struct ivshmem *ivshmem)
{
	struct pci_dev *pdev = ivshmem->pdev;
	int n = pci_alloc_irq_vectors(pdev, 1, QTFS_WINDOW_BELLS, PCI_IRQ_MSIX);
	int error, i;

	if (n < 0)
		return n;
	ivshmem->window.bells = n;
	for (i = 0; i < n; i++) {
		ivshmem->bells[i] = (struct bell){ ivshmem, i };
		error = request_irq(pci_irq_vector(pdev, i), ivshmem_irq, 0, KBUILD_MODNAME,
				    &ivshmem->bells[i]);
		if (error) {
			free_irqs(ivshmem, i);
			return error;
		}
	}
	return 0;
}

static int ivshmem_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ivshmem *ivshmem = kzalloc(sizeof(*ivshmem), GFP_KERNEL);
	int error;

	if (!ivshmem)
		return -ENOMEM;
	ivshmem->pdev = pdev;
	error = map(ivshmem);
	if (error)
		goto err_free;
	error = request_irqs(ivshmem);
	if (error)
		goto err_free;
	error = qtfs_window_add(&ivshmem->window);
	if (error)
		goto err_irqs;
	pci_set_drvdata(pdev, ivshmem);
	return 0;

err_irqs:
	free_irqs(ivshmem, ivshmem->window.bells);
err_free:
	kfree(ivshmem);
	return error;
}

static void ivshmem_remove(struct pci_dev *pdev)
{
	struct ivshmem *ivshmem = pci_get_drvdata(pdev);

	qtfs_window_remove(&ivshmem->window);
	free_irqs(ivshmem, ivshmem->window.bells);
	kfree(ivshmem);
}

/*
 * No MODULE_DEVICE_TABLE: which of the two modules a machine wants is for its
 * administrator to say, and both would be loaded.
 */
static const struct pci_device_id ivshmem_ids[] = {
	{ PCI_DEVICE(0x1af4, 0x1110) },
	{}
};

static struct pci_driver ivshmem_driver = {
	.name = KBUILD_MODNAME,
	.id_table = ivshmem_ids,
	.probe = ivshmem_probe,
	.remove = ivshmem_remove,
};

int qtfs_ivshmem_init(enum qtfs_pcie_side side)
{
	here = side;
	return pci_register_driver(&ivshmem_driver);
}

void qtfs_ivshmem_exit(void)
{
	pci_unregister_driver(&ivshmem_driver);
}
